# A table with what is hard about tables, in Latin-1, to standard output.
import sys

lines = ['id,place,"size, in cm",outcome,verdict,note,nothing']
for i in range(60):
    good = i * 7 % 20 < 10
    place = "" if i % 5 == 0 else ["Köln", "Bonn", "Ulm"][i % 3]
    size = (12.5 if good else 8.25) + i % 4 * 0.5
    lines.append(f'{i + 1},{place},{size},{"yes" if good else "no"},{"accepted" if good else "refused"},'
                 f'"row {i}, said ""no. {i}""",')
sys.stdout.buffer.write(("\r\n".join(lines) + "\r\n").encode("latin-1"))

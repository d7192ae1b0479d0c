"""Makes the runs whose pages are looked at: cases.py FOLDER NNC ROOT. Small ones, of every kind, with what is hard to
draw: thirty classes, long names, one epoch, a run cut off, values that are no numbers, twelve runs beside each other."""
import os
import shutil
import struct
import subprocess
import sys
import zlib

folder, nnc, root = sys.argv[1:]
digits = f"{root}/examples/digits"
os.makedirs(folder, exist_ok=True)
os.chdir(folder)


def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def call(*arguments):
    subprocess.run([nnc, *arguments], check=True, stdout=subprocess.DEVNULL)


def page(run, name=None):
    call("report", run, "-o", f"{name or os.path.basename(run)}.html", "-q")


def train(run_file, out, *settings):
    shutil.rmtree(out, ignore_errors=True)
    call("train", run_file, "--set", f"train.out={folder}/{out}", "-q", *[part for s in settings for part in ("--set", s)])


def scattered(seed):
    """Numbers from 0 to 1 that are the same on every machine."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (seed >> 33) / 2**31


def png(path, color, size=16):
    rows = b"".join(b"\0" + b"".join(bytes(color(x, y)) for x in range(size)) for y in range(size))
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def regression():
    shutil.copy(f"{root}/tests/data/mpg.csv", "mpg.csv")
    for old in ("mpg.nn", "mpg.toml"):
        if os.path.exists(old):
            os.remove(old)
    call("init", "csv", "mpg.csv")
    train("mpg.toml", "regression", "train.epochs=40")
    page("regression")


def autoencoder():
    write("autoencoder.nn", """model autoencoder {
  down = linear(64, 8)
  up = linear(8, 64)
  fn code(image: f32[batch, 64]) -> f32[batch, 8] = image |> down |> relu
  fn forward(image: f32[batch, 64]) -> f32[batch, 64] = image |> code |> up
  loss(image) = mse(forward(image), image)
  output picture(image) = forward(image)
  output code_of(image) = code(image)
}
""")
    write("autoencoder.toml", f"""model = "autoencoder.nn"
data = {{ train = "{digits}/train.csv.gz", test = "{digits}/test.csv.gz" }}
input.image = {{ from = "0..64", scale = 0.0625 }}
train = {{ batch = 32, epochs = 8, optimizer = "adam" }}
""")
    train("autoencoder.toml", "autoencoder")
    page("autoencoder")


def templates():
    write("templates.nn", """model templates {
  fc = linear(64, 10)
  fn forward(image: f32[batch, 64]) -> f32[batch, 10] = fc(image)
  loss(image, label: i32[batch]) = cross_entropy(forward(image), label)
  metric accuracy(image, label) = mean(argmax(forward(image)) == label)
  output probability(image) = softmax(forward(image))
}
""")
    write("templates.toml", f"""model = "templates.nn"
data = {{ train = "{digits}/train.csv.gz", test = "{digits}/test.csv.gz" }}
input.image = {{ scale = 0.0625 }}
input.label = {{ from = -1 }}
train = {{ batch = 32, epochs = 5, optimizer = "adam" }}
""")
    train("templates.toml", "templates")
    page("templates")


CLASSES = ("red things & <b>others</b>", "a remarkably long name of a class without any end", "blue")


def pictures():
    draw = scattered(3)
    shutil.rmtree("colors", ignore_errors=True)
    for part, count in (("train", 12), ("test", 5)):
        for at, name in enumerate(CLASSES):
            for i in range(count):
                color = lambda x, y: [min(255, int(60 * next(draw)) + (150 if channel == at else 40)) for channel in range(3)]
                png(f"colors/{part}/{name.replace('/', '∕')}/picture-{i}.png", color)
    write("pictures.nn", """model pictures {
  fc = linear(768, 3)
  fn forward(image: f32[batch, 3, 16, 16]) -> f32[batch, 3] = fc(reshape(image, [batch, 768]))
  loss(image, label: i32[batch]) = cross_entropy(forward(image), label)
  metric accuracy(image, label) = mean(argmax(forward(image)) == label)
  output probability(image) = softmax(forward(image))
}
""")
    write("pictures.toml", """model = "pictures.nn"
data = { train = "colors/train", test = "colors/test" }
train = { batch = 9, epochs = 3, optimizer = "sgd(lr = 0.0005)" }
""")
    train("pictures.toml", "pictures")
    page("pictures")


def many_classes():
    """Thirty classes with names as people have them; so few epochs that many are taken for others."""
    names = [f"species {k:02} of the genus Pseudohydromys-{'abcdefghij'[k % 10] * (1 + k % 7)}" for k in range(30)]
    draw = scattered(7)
    lines = ["length of the body in millimeters,weight,color,species"]
    for i in range(900):
        k = i % 30
        lines.append(f"{100 + 5 * k + 12 * next(draw):.1f},{0.001 * (k * k % 17) + 0.0005 * next(draw):.5f},"
                     f"{'dark' if (k + i // 300) % 2 else 'light'},{names[k]}")
    write("many.csv", "\n".join(lines) + "\n")
    quoted = ", ".join(f'"{name}"' for name in names)
    write("many.nn", """model many {
  fc1 = linear(4, 48)
  fc2 = linear(48, 30)
  fn forward(numbers: f32[batch, 2], shade: f32[batch, 2]) -> f32[batch, 30] = concat([numbers, shade]) |> fc1 |> relu |> fc2
  loss(numbers, shade, label: i32[batch]) = cross_entropy(forward(numbers, shade), label)
  metric accuracy(numbers, shade, label) = mean(argmax(forward(numbers, shade)) == label)
  output probability(numbers, shade) = softmax(forward(numbers, shade))
}
""")
    write("many.toml", f"""model = "many.nn"
data = {{ train = "many.csv", split = 0.6 }}
input.numbers = {{ from = ["length of the body in millimeters", "weight"], standardize = true }}
input.shade = {{ from = "color", categories = ["dark", "light"] }}
input.label = {{ from = "species", categories = [{quoted}] }}
train = {{ batch = 30, epochs = 15, optimizer = "adam(lr = 0.01)" }}
""")
    train("many.toml", "many_classes")
    page("many_classes")


def three_parts():
    train(f"{digits}/digits.toml", "three_parts", "train.epochs=3", "data.split={ validation = 0.2 }", 'train.best="accuracy"')
    page("three_parts")
    with open("three_parts.json", "w", encoding="utf-8") as file:
        subprocess.run([nnc, "eval", "three_parts", "--json"], check=True, stdout=file)


def odd_runs():
    """One epoch; a run that was cut off; a metric that is no number in the middle; one that spans many powers of ten."""
    train(f"{digits}/digits.toml", "one_epoch", "train.epochs=1")
    page("one_epoch")
    write("odd.csv", "x,y\n" + "".join(f"{k / 10:.1f},{0.3 * k - 1:.2f}\n" for k in range(40)))
    write("odd.nn", """model odd {
  param w: f32[] = 1.0
  param b: f32[] = 4.0
  fn forward(x: f32[batch]) -> f32[batch] = w * x + b
  loss(x, y: f32[batch]) = mse(forward(x), y)
  metric root(x, y) = sqrt(mean(y - forward(x)))
  metric never(x, y) = sqrt(mean(x) - 1000)
  metric tiny(x, y) = mean((forward(x) - y)^2)^4
  output line(x) = forward(x)
}
""")
    write("odd.toml", """model = "odd.nn"
data = { train = "odd.csv", test = "odd.csv" }
train = { batch = 8, epochs = 30, optimizer = "adam(lr = 0.2)" }
""")
    train("odd.toml", "not_finite")
    lines = open("not_finite/metrics.csv", encoding="utf-8").read().splitlines()
    assert any(",nan" in line or "-nan" in line for line in lines), lines
    page("not_finite")
    os.remove("not_finite/finished")
    page("not_finite", "unfinished")


def compared():
    for name in ("run", "other"):
        if not os.path.exists(name):
            train(f"{digits}/digits.toml", name, "train.epochs=4",
                  'train.optimizer="adam"' if name == "run" else 'train.optimizer="sgd(lr = 0.1)"')
    runs = []
    for k in range(12):
        out = f"a-run-with-a-long-name-{k + 1}"
        train("odd.toml", out, f'train.optimizer="adam(lr = {0.02 * (k + 1):.2f}, beta1 = 0.9{k % 10}, beta2 = 0.995)"',
              f"train.epochs={3 + k}")
        runs.append(out)
    call("compare", "run", "other", "-o", "compare2.html", "-q")
    call("compare", *runs, "run", "-o", "compare12.html", "-q")


def surfaces():
    surface = f"{root}/examples/surfaces/"
    call("paths", surface + "beale.nn", "--optimizer", "sgd(lr = 0.01)", "--optimizer", "adagrad(lr = 0.3)",
         "--optimizer", "adam(lr = 0.1)", "-o", "paths3.html", "-q")
    call("paths", surface + "trap.nn", "--optimizer", "sgd(lr = 0.01)", "-o", "paths1.html", "-q")


for case in (regression, autoencoder, templates, pictures, many_classes, three_parts, odd_runs, compared, surfaces):
    case()

#!/usr/bin/env python3
"""chain.py KIND LENGTH: a program in which each value is made of the one before."""
import sys

kind, length = sys.argv[1], int(sys.argv[2])
if kind == "constants":
    print("param w: f32[] = 1\nx0 = w")
    for i in range(1, length + 1):
        print(f"x{i} = x{i - 1} + 1")
    print(f"loss = x{length}")
else:
    step = {"sines": "y + sin(y) * 0.01", "squares": "y + y * y * 0.001"}[kind]
    print(f"""param x: f32[4] = [1.0, 2.0, 3.0, 4.0]
fn go(x) = {{
  y = x
  for _ in 0..{length} {{ y = {step} }}
  y
}}
loss = sum(go(x))""")

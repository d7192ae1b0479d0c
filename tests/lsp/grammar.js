// Whether the grammar for tree-sitter takes every .nn file that nnc takes. tree-sitter's own generator is in no package that the
// tests may install, so its grammar.js is read here: as the context-free grammar that it is, by Earley's algorithm. What the
// generator alone would find (conflicts between rules) this does not see.
//
// usage: node grammar.js GRAMMAR NNC FILE.nn...
'use strict';
const assert = require('assert');
const fs = require('fs');
const { spawnSync } = require('child_process');

// ---- the functions that a grammar.js calls

const flat = (x) => (typeof x === 'string' || x instanceof RegExp ? { terminal: x } : x);
const second = (...a) => flat(a[a.length - 1]);
global.seq = (...of) => ({ seq: of.map(flat) });
global.choice = (...of) => ({ choice: of.map(flat) });
global.repeat = (of) => ({ repeat: flat(of) });
global.optional = (of) => ({ choice: [flat(of), { seq: [] }] });
global.field = second;
global.prec = Object.assign(second, { left: second, right: second });
global.token = Object.assign((of) => ({ token: flat(of) }), { immediate: (of) => ({ token: flat(of), immediate: true }) });
let grammar;
global.grammar = (given) => { grammar = given; };
require(fs.realpathSync(process.argv[2]));

// ---- as plain rules: a list of alternatives for each name, of names and of terminals { regex, immediate, word }

const rules = {};
const $ = new Proxy({}, { get: (_, name) => ({ name }) });
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const source = (e) => e.terminal instanceof RegExp ? `(?:${e.terminal.source})` : e.terminal !== undefined ? escaped(e.terminal)
  : e.seq ? e.seq.map(source).join('') : source(e.token);
const literals = new Set();

function terminal(e) {
  const literal = typeof e.terminal === 'string' ? e.terminal : null;
  if (literal) literals.add(literal);
  return { regex: new RegExp(source(e), 'uy'), immediate: !!e.immediate, literal };
}
function lower(e) {  // the alternatives of an expression
  if (e.name) return [[e.name]];
  if (e.terminal !== undefined || e.token) return [[terminal(e)]];
  if (e.choice) return e.choice.flatMap(lower);
  if (e.seq) return e.seq.reduce((all, one) => { const n = named(one); return all.map((a) => [...a, ...n]); }, [[]]);
  const name = `repeat ${Object.keys(rules).length}`;
  rules[name] = [];
  rules[name] = [[], ...lower(e.repeat).map((a) => [name, ...a])];
  return [[name]];
}
function named(e) {  // a rule of its own where there are several alternatives
  const all = lower(e);
  if (all.length === 1) return all[0];
  const name = `choice ${Object.keys(rules).length}`;
  rules[name] = all;
  return [name];
}
for (const [name, rule] of Object.entries(grammar.rules)) {
  rules[name] = [];
  rules[name] = lower(flat(rule($)));
}
const reserved = /^(?:if|else|for|scan|and|or|not|true|false|None)$/;
const operators = [...literals].filter((l) => !/\w/.test(l));

// ---- tokens: what a terminal matches behind blanks and comments; null for nothing

const blanks = /(?:\s|#[^\n]*)*/uy;
function match(terminal, text, at) {
  blanks.lastIndex = at;
  const skipped = terminal.immediate ? at : at + blanks.exec(text)[0].length;
  const starts = terminal.regex.source.startsWith('(?:\\n') ? [...text.slice(at, skipped)].map((_, i) => at + i) : [skipped];
  for (const start of starts) {
    terminal.regex.lastIndex = start;
    const found = terminal.regex.exec(text);
    if (!found) continue;
    const end = start + found[0].length;
    if (terminal.literal && /\w$/.test(terminal.literal) && /[\p{L}\p{N}_]/u.test(text[end] || '')) continue;
    if (terminal.literal && operators.some((o) => o.length > terminal.literal.length && o.startsWith(terminal.literal) && text.startsWith(o, start))) continue;
    if (!terminal.literal && reserved.test(found[0])) continue;
    return end;
  }
  return null;
}

// ---- Earley: where the text stops being one of the grammar; -1 if it is one

function nullable(name, seen = new Set()) {
  if (typeof name !== 'string' || seen.has(name)) return false;
  seen.add(name);
  return rules[name].some((a) => a.every((s) => nullable(s, new Set(seen))));
}
const empty = new Set(Object.keys(rules).filter((name) => nullable(name)));

function stopsAt(text) {
  const sets = new Map();
  const places = [0];
  const add = (place, name, alternative, dot, origin) => {
    if (!sets.has(place)) { sets.set(place, { items: [], keys: new Set() }); if (place > 0) places.push(place); }
    const set = sets.get(place);
    const key = `${name}|${alternative}|${dot}|${origin}`;
    if (set.keys.has(key)) return;
    set.keys.add(key);
    set.items.push({ name, alternative, dot, origin });
  };
  rules.source_file.forEach((_, i) => add(0, 'source_file', i, 0, 0));
  let furthest = 0;
  for (let n = 0; n < places.length; ++n) {
    places.sort((a, b) => a - b);
    const at = places[n];
    furthest = at;
    const set = sets.get(at);
    for (let i = 0; i < set.items.length; ++i) {
      const { name, alternative, dot, origin } = set.items[i];
      const next = rules[name][alternative][dot];
      if (next === undefined) {
        for (const waiting of [...sets.get(origin).items])
          if (rules[waiting.name][waiting.alternative][waiting.dot] === name)
            add(at, waiting.name, waiting.alternative, waiting.dot + 1, waiting.origin);
      } else if (typeof next === 'string') {
        rules[next].forEach((_, k) => add(at, next, k, 0, at));
        if (empty.has(next)) add(at, name, alternative, dot + 1, origin);
      } else {
        const end = match(next, text, at);
        if (end !== null && end > at) add(end, name, alternative, dot + 1, origin);
      }
    }
    blanks.lastIndex = at;
    const atEnd = at + blanks.exec(text)[0].length === text.length;
    if (atEnd && set.items.some((i) => i.name === 'source_file' && i.origin === 0 && i.dot === rules.source_file[i.alternative].length))
      return -1;
  }
  return furthest;
}

// ---- what it takes, and what it does not

for (const good of ['x = 1', 'fn f(x) = {\n  y = x\n  -y\n}', 'fn f(x) = {\n  y = x\n  (y)\n}', 'w: f32[2, n] ~ normal(0, 1) as "a{k}"',
  'a = x[:, None, ..., 1:2] |> f(_, 2)', 'fn r(x) = scan a in x along 1 reversed { state s = 0; s <- s + a; s }'])
  assert.strictEqual(stopsAt(good), -1, good);
for (const bad of ['x =', 'fn f(x = 1', 'model m { x = }', 'x = (1', 'x = 1 +', 'optimizer o { update(p) p <- p }', 'if = 3'])
  assert.notStrictEqual(stopsAt(bad), -1, bad);

const [nnc, ...files] = process.argv.slice(3);
const said = spawnSync(nnc, ['fmt', '--check', ...files], { encoding: 'utf8', maxBuffer: 1 << 28 }).stderr;
const refused = new Set([...said.matchAll(/^(\S+?\.nn)(?::\d+:\d+)?: error/gm)].map((found) => found[1]));
let taken = 0;
for (const file of files.filter((name) => !refused.has(name))) {
  const text = fs.readFileSync(file, 'utf8');
  const stop = stopsAt(text);
  assert.strictEqual(stop, -1, `${file}:${text.slice(0, stop).split('\n').length}: the grammar for tree-sitter stops here`);
  ++taken;
}
assert(taken > 50, `only ${taken} files`);
console.log(`grammar for tree-sitter: ${taken} files: good`);

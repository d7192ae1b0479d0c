// Runs the extension for Visual Studio Code against the server, with the editor that vscode.js plays.
//
// usage: NODE_PATH=tests/lsp node extension.js NNC EXTENSION FILE.nn
'use strict';
const assert = require('assert');
const fs = require('fs');
const vscode = require('vscode');

const [nnc, path, file] = process.argv.slice(2);
const extension = require(path);
const uri = vscode.Uri.parse('file://' + fs.realpathSync(file));
const document = { uri, languageId: 'nn', version: 1, text: fs.readFileSync(file, 'utf8'), getText() { return this.text; } };
const token = { onCancellationRequested() {} };

const at = (words, ahead = 0) => {
  const before = document.text.slice(0, document.text.indexOf(words) + ahead);
  return new vscode.Position(before.split('\n').length - 1, before.length - before.lastIndexOf('\n') - 1);
};
const shown = () => new Promise((resolve) => { vscode.languages.onShown = (_, all) => resolve(all); });

// Replaces words of one line; gives the diagnostics after it.
async function type(words, text) {
  const start = at(words);
  const range = new vscode.Range(start.line, start.character, start.line, start.character + words.length);
  document.text = document.text.replace(words, () => text);
  document.version += 1;
  const found = shown();
  vscode.fire('change', { document, contentChanges: [{ range, text }] });
  return found;
}

async function main() {
  vscode.workspace.settings.command = nnc;
  vscode.workspace.textDocuments.push(document);
  let found = shown();
  await extension.activate({ subscriptions: [] });
  assert.deepStrictEqual(await found, []);
  const p = vscode.providers;

  found = await type('linear(hidden, 10)', 'linear(hidden + 1, 10)');
  assert.strictEqual(found.length, 1);
  assert.strictEqual(found[0].severity, vscode.DiagnosticSeverity.Error);
  assert.strictEqual(found[0].code, 'shape_mismatch');
  assert(found[0].relatedInformation.length > 0);
  assert.deepStrictEqual(await type('linear(hidden + 1, 10)', 'linear(hidden, 10)'), []);

  assert.match((await p.hover.provideHover(document, at('fc1 |>'), token)).contents.value, /linear\(in = 64, out = 32\)/);
  assert.deepStrictEqual((await p.definition.provideDefinition(document, at('fc1 |>'), token)).range.start, at('fc1 = '));
  assert.strictEqual((await p.references.provideReferences(document, at('fc1 = '), { includeDeclaration: true }, token)).length, 3);
  assert.strictEqual((await p.highlights.provideDocumentHighlights(document, at('fc1 = '), token)).length, 3);
  const symbols = await p.symbols.provideDocumentSymbols(document, token);
  assert.strictEqual(symbols[0].kind, vscode.SymbolKind.Class);
  assert.strictEqual(symbols[0].children[0].name, 'fc1');
  const items = await p.completion.provideCompletionItems(document, at('l2(fc1.weight', 7), token);
  assert(items.some((item) => item.label === 'weight' && item.kind === vscode.CompletionItemKind.Field));
  const help = await p.signature.provideSignatureHelp(document, at('linear(64', 7), token);
  assert(help.signatures[0].label.startsWith('linear(in'));
  assert.strictEqual((await p.rename.prepareRename(document, at('fc1 = '), token)).placeholder, 'fc1');
  const edit = await p.rename.provideRenameEdits(document, at('fc1 = '), 'first', token);
  assert.strictEqual(edit.edits.get(uri.toString()).length, 3);
  await assert.rejects(p.rename.provideRenameEdits(document, at('fc1 = '), 'fc2', token), /taken/);
  await type('fc1 = linear', 'fc1   = linear');
  const edits = await p.formatting.provideDocumentFormattingEdits(document, { tabSize: 2 }, token);
  assert.strictEqual(edits.length, 1);
  assert.deepStrictEqual(vscode.window.messages, []);
  await extension.deactivate();
  console.log('language server: a session with the extension for Visual Studio Code: good');
}

main().catch((error) => { console.error(error); process.exit(1); });

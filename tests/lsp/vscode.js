// The part of Visual Studio Code's interface that editors/nn/extension.js uses, played by a script: it keeps what is registered,
// and lets a test open documents, change them and ask as the editor would.
'use strict';

class Position { constructor(line, character) { this.line = line; this.character = character; } }
class Range {
  constructor(a, b, c, d) { this.start = new Position(a, b); this.end = new Position(c, d); }
  toJSON() { return [this.start, this.end]; }  // as there: not what the protocol wants
}
class Uri {
  constructor(text) { this.text = text; this.path = decodeURIComponent(text.replace(/^\w+:(\/\/[^/]*)?/, '')); }
  static parse(text) { return new Uri(text); }
  toString() { return this.text; }
}
const record = (...names) => class { constructor(...values) { names.forEach((name, i) => { this[name] = values[i]; }); } };

const events = {};
const event = (name) => (listener) => { (events[name] = events[name] || []).push(listener); return { dispose() {} }; };
const providers = {};
const provider = (name) => (selector, one) => { providers[name] = one; return { dispose() {} }; };

module.exports = {
  Position, Range, Uri,
  Location: record('uri', 'range'),
  TextEdit: record('range', 'newText'),
  MarkdownString: record('value'),
  Hover: record('contents', 'range'),
  Diagnostic: record('range', 'message', 'severity'),
  DiagnosticRelatedInformation: record('location', 'message'),
  DocumentSymbol: record('name', 'detail', 'kind', 'range', 'selectionRange'),
  DocumentHighlight: record('range', 'kind'),
  CompletionItem: record('label', 'kind'),
  SignatureHelp: record(),
  SignatureInformation: record('label', 'documentation'),
  ParameterInformation: record('label'),
  WorkspaceEdit: class { constructor() { this.edits = new Map(); } set(uri, edits) { this.edits.set(uri.toString(), edits); } },
  DiagnosticSeverity: { Error: 0, Warning: 1 },
  CompletionItemKind: { Class: 6, Function: 2, Field: 4 },
  SymbolKind: { Class: 4 },
  window: { messages: [], showInformationMessage(m) { this.messages.push(m); }, showErrorMessage(m) { this.messages.push(m); } },
  workspace: {
    textDocuments: [],
    settings: {},
    getConfiguration() { return { get: (name, otherwise) => this.settings[name] ?? otherwise }; },
    onDidOpenTextDocument: event('open'), onDidChangeTextDocument: event('change'),
    onDidSaveTextDocument: event('save'), onDidCloseTextDocument: event('close'),
  },
  languages: {
    shown: new Map(),
    createDiagnosticCollection() {
      return { set: (uri, all) => { this.shown.set(uri.toString(), all); this.onShown?.(uri.toString(), all); }, clear: () => this.shown.clear() };
    },
    registerHoverProvider: provider('hover'), registerDefinitionProvider: provider('definition'),
    registerReferenceProvider: provider('references'), registerDocumentHighlightProvider: provider('highlights'),
    registerDocumentSymbolProvider: provider('symbols'), registerCompletionItemProvider: provider('completion'),
    registerSignatureHelpProvider: provider('signature'), registerRenameProvider: provider('rename'),
    registerDocumentFormattingEditProvider: provider('formatting'),
  },
  fire: (name, argument) => (events[name] || []).forEach((listener) => listener(argument)),
  providers,
};

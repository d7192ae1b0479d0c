// Starts `nnc lsp` and brings what it says to Visual Studio Code. Needs no package: the few messages that it takes are written
// and read here, and VS Code counts lines and columns as the protocol does.
'use strict';
const vscode = require('vscode');
const { spawn } = require('child_process');

class Connection {
  constructor(command, onNotification, onEnd) {
    this.next = 1;
    this.waiting = new Map();
    this.buffer = Buffer.alloc(0);
    this.onNotification = onNotification;
    this.process = spawn(command, ['lsp'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.stdout.on('data', (bytes) => this.take(bytes));
    this.process.stdin.on('error', () => {});
    this.process.on('error', (error) => this.end(onEnd, `${command}: ${error.message}`));
    this.process.on('exit', (code) => this.end(onEnd, code === 0 ? '' : `${command} lsp ended with ${code}`));
  }
  end(onEnd, why) {
    for (const { reject } of this.waiting.values()) reject(new Error(why));
    this.waiting.clear();
    onEnd(why);
  }
  send(message) {
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }));
    this.process.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
    this.process.stdin.write(body);
  }
  notify(method, params) {
    this.send({ method, params });
  }
  request(method, params, token) {
    const id = this.next++;
    if (token) token.onCancellationRequested(() => this.notify('$/cancelRequest', { id }));
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.send({ id, method, params });
    });
  }
  take(bytes) {
    this.buffer = Buffer.concat([this.buffer, bytes]);
    for (;;) {
      const end = this.buffer.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/Content-Length: (\d+)/.exec(this.buffer.toString('ascii', 0, end))[1]);
      if (this.buffer.length < end + 4 + length) return;
      const message = JSON.parse(this.buffer.toString('utf8', end + 4, end + 4 + length));
      this.buffer = this.buffer.subarray(end + 4 + length);
      const waiting = this.waiting.get(message.id);
      if (message.method) this.onNotification(message.method, message.params);
      else if (waiting) {
        this.waiting.delete(message.id);
        if (message.error) waiting.reject(new Error(message.error.message));
        else waiting.resolve(message.result);
      }
    }
  }
}

// ---- from the protocol's words to the editor's

const range = (r) => new vscode.Range(r.start.line, r.start.character, r.end.line, r.end.character);
const location = (l) => new vscode.Location(vscode.Uri.parse(l.uri), range(l.range));
const edit = (e) => new vscode.TextEdit(range(e.range), e.newText);
const markdown = (m) => (m ? new vscode.MarkdownString(m.value) : undefined);

function diagnostic(d) {
  const out = new vscode.Diagnostic(range(d.range), d.message, d.severity - 1);
  out.code = d.code;
  out.source = d.source;
  out.tags = d.tags;
  out.relatedInformation = (d.relatedInformation || []).map(
    (r) => new vscode.DiagnosticRelatedInformation(location(r.location), r.message));
  return out;
}

function symbol(s) {
  const out = new vscode.DocumentSymbol(s.name, '', s.kind - 1, range(s.range), range(s.selectionRange));
  out.children = s.children.map(symbol);
  return out;
}

function item(i) {
  const out = new vscode.CompletionItem(i.label, i.kind - 1);
  out.detail = i.detail;
  out.sortText = i.sortText;
  out.documentation = markdown(i.documentation);
  return out;
}

function signatures(help) {
  const out = new vscode.SignatureHelp();
  out.signatures = help.signatures.map((s) => {
    const one = new vscode.SignatureInformation(s.label, markdown(s.documentation));
    one.parameters = s.parameters.map((p) => new vscode.ParameterInformation(p.label));
    return one;
  });
  out.activeSignature = help.activeSignature;
  out.activeParameter = help.activeParameter;
  return out;
}

const place = (position) => ({ line: position.line, character: position.character });

// ---- what VS Code asks

function providers(connection) {
  const selector = [{ language: 'nn' }];
  const at = (document, position) => ({
    textDocument: { uri: document.uri.toString() },
    position: position && place(position),
  });
  const ask = async (method, params, token, made) => {
    const result = await connection.request('textDocument/' + method, params, token);
    return result === null ? undefined : made(result);
  };
  const l = vscode.languages;
  return [
    l.registerHoverProvider(selector, {
      provideHover: (d, p, t) => ask('hover', at(d, p), t, (h) => new vscode.Hover(markdown(h.contents), range(h.range))),
    }),
    l.registerDefinitionProvider(selector, {
      provideDefinition: (d, p, t) => ask('definition', at(d, p), t, location),
    }),
    l.registerReferenceProvider(selector, {
      provideReferences: (d, p, context, t) => ask('references', { ...at(d, p), context }, t, (all) => all.map(location)),
    }),
    l.registerDocumentHighlightProvider(selector, {
      provideDocumentHighlights: (d, p, t) => ask('documentHighlight', at(d, p), t,
        (all) => all.map((h) => new vscode.DocumentHighlight(range(h.range), h.kind - 1))),
    }),
    l.registerDocumentSymbolProvider(selector, {
      provideDocumentSymbols: (d, t) => ask('documentSymbol', at(d), t, (all) => all.map(symbol)),
    }),
    l.registerCompletionItemProvider([...selector, { pattern: '**/*.toml' }], {
      provideCompletionItems: (d, p, t) => ask('completion', at(d, p), t, (all) => all.map(item)),
    }, '.', '"'),
    l.registerSignatureHelpProvider(selector, {
      provideSignatureHelp: (d, p, t) => ask('signatureHelp', at(d, p), t, signatures),
    }, '(', ','),
    l.registerRenameProvider(selector, {
      prepareRename: (d, p, t) => ask('prepareRename', at(d, p), t,
        (r) => ({ range: range(r.range), placeholder: r.placeholder })),
      provideRenameEdits: (d, p, newName, t) => ask('rename', { ...at(d, p), newName }, t, (result) => {
        const out = new vscode.WorkspaceEdit();
        for (const [uri, edits] of Object.entries(result.changes)) out.set(vscode.Uri.parse(uri), edits.map(edit));
        return out;
      }),
    }),
    l.registerDocumentFormattingEditProvider(selector, {
      provideDocumentFormattingEdits: (d, options, t) => ask('formatting', { ...at(d), options }, t, (all) => all.map(edit)),
    }),
  ];
}

// Model texts, and run files: those .toml that stand beside a model.
const isOurs = (document) => document.languageId === 'nn' ||
  (document.uri.path.endsWith('.toml') && /^\s*model\s*=/m.test(document.getText()));

function follow(connection) {
  const open = new Set();
  const opened = (document) => {
    const uri = document.uri.toString();
    if (!isOurs(document) || open.has(uri)) return;
    open.add(uri);
    connection.notify('textDocument/didOpen', {
      textDocument: { uri, languageId: document.languageId, version: document.version, text: document.getText() },
    });
  };
  const w = vscode.workspace;
  const out = [
    w.onDidOpenTextDocument(opened),
    w.onDidChangeTextDocument((event) => {
      const uri = event.document.uri.toString();
      if (!open.has(uri)) return opened(event.document);
      connection.notify('textDocument/didChange', {
        textDocument: { uri, version: event.document.version },
        contentChanges: event.contentChanges.map((c) => ({ range: { start: place(c.range.start), end: place(c.range.end) }, text: c.text })),
      });
    }),
    w.onDidSaveTextDocument((document) => {
      if (open.has(document.uri.toString()))
        connection.notify('textDocument/didSave', { textDocument: { uri: document.uri.toString() } });
    }),
    w.onDidCloseTextDocument((document) => {
      if (open.delete(document.uri.toString()))
        connection.notify('textDocument/didClose', { textDocument: { uri: document.uri.toString() } });
    }),
  ];
  w.textDocuments.forEach(opened);
  return out;
}

let connection;

exports.activate = async (context) => {
  const command = vscode.workspace.getConfiguration('nn').get('command', 'nnc');
  const shown = vscode.languages.createDiagnosticCollection('nnc');
  context.subscriptions.push(shown);
  connection = new Connection(command, (method, params) => {
    if (method === 'textDocument/publishDiagnostics')
      shown.set(vscode.Uri.parse(params.uri), params.diagnostics.map(diagnostic));
    if (method === 'window/showMessage') vscode.window.showInformationMessage(params.message);
  }, (why) => {
    shown.clear();
    if (why) vscode.window.showErrorMessage(`${why}. The setting nn.command says where nnc is.`);
  });
  await connection.request('initialize', { processId: process.pid, rootUri: null, capabilities: {} });
  connection.notify('initialized', {});
  context.subscriptions.push(...providers(connection), ...follow(connection));
};

exports.deactivate = async () => {
  await connection.request('shutdown');
  connection.notify('exit');
};

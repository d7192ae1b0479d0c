# A session as an editor has it, by the client of pygls: typing, hovering, jumping, completing, renaming, formatting; then every
# model of the repository, and texts that are cut off anywhere.
#
# usage: client.py NNC ROOT FOLDER
import asyncio
import json
import os
import pathlib
import random
import subprocess
import sys

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

nnc, root, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])


def check(condition, what, found=None):
    if not condition:
        sys.exit(f"tests/lsp/client.py: {what}" + (f", found:\n{found}" if found is not None else ""))


class Editor:
    """One server, and the documents that are open in it."""

    async def start(self, **capabilities):
        self.client = LanguageClient("editor", "1")
        self.published = {}
        self.arrived = asyncio.Condition()
        self.texts = {}
        self.shown = []

        @self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        async def publish(params):
            async with self.arrived:
                self.published[params.uri] = params
                self.arrived.notify_all()

        @self.client.feature(lsp.WINDOW_SHOW_MESSAGE)
        def show(params):
            self.shown.append(params.message)
        await self.client.start_io(nnc, "lsp", "--stdio")
        result = await self.client.initialize_async(
            lsp.InitializeParams(capabilities=lsp.ClientCapabilities(**capabilities)))
        self.client.initialized(lsp.InitializedParams())
        return result

    async def diagnostics(self, uri, version):
        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(
                lambda: uri in self.published and self.published[uri].version == version), 60)
        return list(self.published[uri].diagnostics)

    async def open(self, path, text=None, language="nn"):
        uri = pathlib.Path(path).as_uri()
        self.texts[uri] = pathlib.Path(path).read_text() if text is None else text
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(
            lsp.TextDocumentItem(uri, language, 1, self.texts[uri])))
        return uri, await self.diagnostics(uri, 1)

    async def type(self, uri, version, where, length, text):
        """Replaces `length` characters at an offset; gives the diagnostics after it."""
        before = self.texts[uri]
        self.texts[uri] = before[:where] + text + before[where + length:]
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(
            lsp.VersionedTextDocumentIdentifier(version, uri),
            [lsp.TextDocumentContentChangePartial(
                lsp.Range(place(before, where), place(before, where + length)), text)]))
        return await self.diagnostics(uri, version)

    def at(self, uri, words, ahead=0):
        """The place of the first occurrence of `words`, and so many characters further."""
        where = self.texts[uri].index(words) + ahead
        return {"text_document": lsp.TextDocumentIdentifier(uri), "position": place(self.texts[uri], where)}

    async def stop(self):
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()
        check(self.client._server.returncode == 0, "the server ends with 0", self.client._server.returncode)


def place(text, offset):
    """UTF-16, as the protocol counts where nothing else is agreed on."""
    before = text[:offset]
    line = before[before.rfind("\n") + 1:]
    return lsp.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2)


def offset(text, position):
    lines = text.split("\n")
    units = lines[position.line].encode("utf-16-le")[:2 * position.character].decode("utf-16-le")
    return sum(len(line) + 1 for line in lines[:position.line]) + len(units)


def edited(text, edits):
    for edit in sorted(edits, key=lambda e: (e.range.start.line, e.range.start.character), reverse=True):
        text = text[:offset(text, edit.range.start)] + edit.new_text + text[offset(text, edit.range.end):]
    return text


MODEL = """# Digits, with 𝒔mall hidden layers.
layer half(width: count) {
  # Halves the width.
  inner = linear(width, width // 2)
  fn forward(x: f32[n, width]) = inner(x)
}

model digits(hidden: int = 32) {
  fc1 = linear(64, hidden)  # the first
  squeeze = half(hidden)
  fc2 = linear(hidden // 2, 10)

  fn forward(image: f32[batch, 64]) -> f32[batch, 10] = {
    h = image |> fc1 |> relu
    squeeze(h) |> fc2
  }

  loss data(image, label: i32[batch]) = cross_entropy(forward(image), label)
  loss penalty = 1e-4 * l2(fc1.weight)
  output probability(image) = softmax(forward(image))
}
"""


async def features(editor):
    uri, found = await editor.open(folder / "digits 1.nn", MODEL)
    check(found == [], "a good model has no diagnostics", found)
    c, at = editor.client, lambda words, ahead=0: editor.at(uri, words, ahead)

    # Typing a mistake and taking it back.
    where = editor.texts[uri].index("hidden // 2, 10")
    found = await editor.type(uri, 2, where, len("hidden // 2"), "24")
    check(len(found) == 1 and found[0].code == "shape_mismatch" and found[0].severity == lsp.DiagnosticSeverity.Error,
          "another size is an error", found)
    check("fc2 takes [batch, 24] but is given [batch, 16]" in found[0].message, "the sizes are said", found[0].message)
    check(any(r.message == "24 is wanted because of this" for r in found[0].related_information or []),
          "where the sizes come from", found[0])
    check(editor.texts[uri].split("\n")[found[0].range.start.line][
        found[0].range.start.character:found[0].range.end.character] == "fc2", "the words at fault", found[0].range)
    found = await editor.type(uri, 3, where, 2, "hidden // 2")
    check(found == [], "a mended model has none", found)
    found = await editor.type(uri, 4, editor.texts[uri].index("h = image"), 0, "𝒔 = 3; ")
    check([d.code for d in found] == ["unused_let"] and list(found[0].tags) == [lsp.DiagnosticTag.Unnecessary] and
          found[0].range.end.character - found[0].range.start.character == 2, "a character of two units", found)
    await editor.type(uri, 5, editor.texts[uri].index("𝒔 = 3; "), 7, "")

    # Hovering.
    async def hover(words, ahead=0):
        answer = await c.text_document_hover_async(lsp.HoverParams(**at(words, ahead)))
        return answer.contents.value if answer else ""
    text = await hover("fc1 |>")
    for want in ("fc1: linear(in = 64, out = 32)", "fc1(…) → f32[batch, hidden = 32]", "131.1 kFLOP", "the first"):
        check(want in text, f"hovering over a layer says {want}", text)
    text = await hover("h) |>")
    check("h: f32[batch, hidden = 32]" in text, "a value has its shape", text)
    text = await hover("relu")
    check("fn relu(" in text and "std/activations.nn" in text and "→ f32[batch, hidden = 32]" in text,
          "a function of the library", text)
    check("is spread over all classes" in await hover("cross_entropy"), "a function's comment", await hover("cross_entropy"))
    text = await hover("weight)")
    check("weight: f32[hidden = 32, 64]" in text, "a parameter of a layer", text)
    check("hidden: 32" in await hover("hidden // 2"), "a size", await hover("hidden // 2"))
    check("Halves the width" in await hover("inner ="), "a comment above", await hover("inner ="))
    check("number of rows" in await hover("batch, 64"), "batch", await hover("batch, 64"))

    # Going to what is declared, here and in the library.
    async def definition(words, ahead=0):
        return await c.text_document_definition_async(lsp.DefinitionParams(**at(words, ahead)))
    there = await definition("fc1.weight")
    check(there.uri == uri and there.range.start == place(editor.texts[uri], editor.texts[uri].index("fc1 = ")),
          "the declaration of a member", there)
    for words, name in (("weight)", "param weight"), ("linear(64", "layer linear("), ("relu", "fn relu(")):
        there = await definition(words)
        path = pathlib.Path(there.uri.removeprefix("file://"))
        line = path.read_text().split("\n")[there.range.start.line]
        check(name in line and not os.access(path, os.W_OK) or name in line and os.getuid() == 0,
              f"the declaration of {words} in the library", (there, line))
    uses = await c.text_document_references_async(lsp.ReferenceParams(
        context=lsp.ReferenceContext(True), **at("hidden: int")))
    check(len(uses) == 4, "every use of an argument", uses)

    # Completing: members while the statement is not finished, names in scope, the library with its comments.
    async def complete(text_before, insert):
        before = editor.texts[uri]
        where = before.index(text_before) + len(text_before)
        number = editor.published[uri].version + 1
        await editor.type(uri, number, where, 0, insert + "\n")
        items = await c.text_document_completion_async(lsp.CompletionParams(
            lsp.TextDocumentIdentifier(uri), place(editor.texts[uri], where + len(insert))))
        await editor.type(uri, number + 1, where, len(insert) + 1, "")
        check(editor.texts[uri] == before, "what was typed is taken back")
        return {item.label: item for item in items}
    found = await complete("h = image |> fc1 |> relu\n", "    z = fc1.")
    check({"weight", "bias", "forward"} <= set(found), "the members of a layer", sorted(found))
    found = await complete("h = image |> fc1 |> relu\n", "    z = ")
    check({"h", "image", "fc1", "hidden", "batch", "relu", "conv", "half", "if", "scan"} <= set(found),
          "names in scope", sorted(found))
    check("label" not in found and "width" not in found and "inner" not in found, "names elsewhere are not",
          sorted(found))
    check(found["h"].detail == "h: f32[batch, hidden = 32]", "a name's shape", found["h"])
    check("maximum" in found["relu"].detail, "a function's declaration", found["relu"])
    found = await complete("h = image |> fc1 |> relu\n", "    z = softmax(")
    check("axis = " in found, "arguments", sorted(found))
    found = await complete("label: i32[batch]", ", weight: ")
    check({"f32", "i32", "bool", "count"} <= set(found) and "relu" not in found, "types", sorted(found))

    # The arguments of a call while they are written.
    await editor.type(uri, 100, editor.texts[uri].index("squeeze = half"), 0, "extra = linear(8, \n  ")
    help_ = await c.text_document_signature_help_async(lsp.SignatureHelpParams(**at("(8, ", 4)))
    check(help_.signatures[0].label.startswith("linear(in") and help_.active_parameter == 1,
          "the second argument of linear", help_)
    await editor.type(uri, 101, editor.texts[uri].index("extra ="), len("extra = linear(8, \n  "), "")

    # What the document holds.
    symbols = await c.text_document_document_symbol_async(lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(uri)))
    check([s.name for s in symbols] == ["half", "digits"] and
          [s.name for s in symbols[1].children] == ["fc1", "squeeze", "fc2", "forward", "data", "penalty", "probability"],
          "the symbols", symbols)

    # Renaming.
    async def rename(words, name, ahead=0):
        try:
            answer = await c.text_document_rename_async(lsp.RenameParams(new_name=name, **at(words, ahead)))
        except Exception as error:
            return str(error)
        return edited(editor.texts[uri], answer.changes[uri])
    text = editor.texts[uri]
    check(await rename("width: count", "size") == text.replace("width", "size").replace("the size", "the width"),
          "renaming an argument", await rename("width: count", "size"))
    check(await rename("fc1.weight", "first") == text.replace("fc1", "first"), "renaming a layer",
          await rename("fc1.weight", "first"))
    check(await rename("image: f32", "picture") == text.replace("image", "picture") and
          "input.picture" in editor.shown[-1], "renaming a column", editor.shown)
    for words, name, why in (("fc1 =", "fc2", "taken"), ("h = image", "label", None), ("h = image", "fc1", "taken"),
                             ("fc1 =", "for", "reserved"), ("fc1 =", "1st", "no name"), ("relu", "other", "declared in"),
                             ("batch, 64", "rows", "part of the language"), ("forward(image: f32", "f", "calling"),
                             ("image: f32", "relu", "taken"), ("image: f32", "fc1", "taken"), ("h = image", "relu", None)):
        found = await rename(words, name)
        if why is None:
            check(found != text and "\n" in found, f"{words} may be called {name}", found)
        else:
            check(why in found, f"{words} cannot be called {name}: {why}", found)

    # Formatting gives what the command gives.
    await editor.type(uri, 200, editor.texts[uri].index("fc1 = linear(64"), len("fc1 = linear(64"), "fc1   =linear( 64")
    edits = await c.text_document_formatting_async(lsp.DocumentFormattingParams(
        lsp.TextDocumentIdentifier(uri), lsp.FormattingOptions(2, True)))
    check(edited(editor.texts[uri], edits) == text, "the one style", edits)
    check(edits[0].range.start.line == edits[0].range.end.line - 1, "one line changes", edits)


async def imports(editor):
    """A file that is imported counts as it stands in the editor."""
    (folder / "parts.nn").write_text("fn twice(x) = 2 * x\n")
    parts, _ = await editor.open(folder / "parts.nn")
    text = 'import "parts.nn"\n\nmodel m { fc = linear(2, 1); loss(x: f32[batch, 2]) = mean(twice(fc(x))^2) }\n'
    uri, found = await editor.open(folder / "m.nn", text)
    check(found == [], "the import is found", found)
    await editor.type(parts, 2, editor.texts[parts].index("twice"), 5, "thrice")
    async with editor.arrived:
        await asyncio.wait_for(editor.arrived.wait_for(lambda: editor.published[uri].diagnostics), 60)
    check(editor.published[uri].diagnostics[0].code == "unknown_name", "a change there is seen here",
          editor.published[uri].diagnostics)
    there = await editor.client.text_document_definition_async(lsp.DefinitionParams(**editor.at(uri, "parts")))
    check(there.uri == parts, "the imported file", there)


async def run_files(editor):
    (folder / "small.nn").write_text(
        "model small { fc = linear(2, 1); loss(x: f32[batch, 2]) = mean(fc(x)^2) }\n")
    text = 'model = "small.nn"\ndata = { train = "none.csv" }\ntrain = { batch = 4, optimizer = "adem" }\n'
    uri, found = await editor.open(folder / "small.toml", text, "toml")
    check(any("adam" in d.message for d in found), "a misspelled optimizer", found)
    items = await editor.client.text_document_completion_async(lsp.CompletionParams(**editor.at(uri, "adem", 2)))
    check({"adam", "adamw", "sgd"} <= {i.label for i in items}, "the optimizers", items)


async def models(editor):
    """Every model of the repository: the diagnostics are those of the command, and every name answers."""
    for path in sorted(root.glob("examples/**/*.nn")):
        uri, found = await editor.open(path)
        said = json.loads(subprocess.run([nnc, "check", "--json", path], stdout=subprocess.PIPE).stdout)
        want = sorted(d["kind"] for d in said if d["kind"] != "no_model")
        check(sorted(d.code for d in found) == want, f"the diagnostics of {path}", found)
        editor.client.text_document_did_close(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri)))


async def broken(editor):
    """Texts that end anywhere, or lack a piece, at whatever is asked of them."""
    draw = random.Random(1)
    texts = [p.read_text() for p in sorted(root.glob("examples/**/*.nn")) + sorted(root.glob("frontend/std/*.nn"))]
    uri, _ = await editor.open(folder / "broken.nn", "")
    for version in range(2, 40):
        text = draw.choice(texts)
        begin, end = sorted(draw.randrange(len(text)) for _ in range(2))
        text = text[:begin] + draw.choice(["", "(", "}", ".", "\x00", "= ", "@", "é𝒔"]) + text[end if version % 2 else begin:]
        await editor.type(uri, version, 0, len(editor.texts[uri]), text)
        where = {"text_document": lsp.TextDocumentIdentifier(uri), "position": place(text, draw.randrange(len(text)))}
        c = editor.client
        await asyncio.gather(
            c.text_document_hover_async(lsp.HoverParams(**where)),
            c.text_document_completion_async(lsp.CompletionParams(**where)),
            c.text_document_signature_help_async(lsp.SignatureHelpParams(**where)),
            c.text_document_document_symbol_async(lsp.DocumentSymbolParams(where["text_document"])),
            c.text_document_rename_async(lsp.RenameParams(new_name="another", **where)), return_exceptions=True)
    found = await editor.type(uri, 100, 0, len(editor.texts[uri]), "x = 1\n")
    check(found == [], "the server is still there", found)


async def main():
    editor = Editor()
    result = await editor.start()
    check(result.capabilities.position_encoding == "utf-16", "columns in UTF-16", result.capabilities)
    for part in (features, imports, run_files, models, broken):
        await part(editor)
    await editor.stop()
    print("language server: a session with the client of pygls: good")


asyncio.run(main())

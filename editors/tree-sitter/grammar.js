// The .nn language for tree-sitter: `tree-sitter generate && tree-sitter parse FILE.nn`. docs/language.md has the grammar it
// follows. Lines end statements there; here statements simply follow each other, which comes to the same because a call's (
// and an index's [ stand right behind what they belong to, and a line that starts with - is a statement of its own.

const list = (item) => seq(item, repeat(seq(',', item)), optional(','));

module.exports = grammar({
  name: 'nn',
  word: ($) => $.identifier,
  extras: ($) => [/\s/, $.comment],
  supertypes: ($) => [$._expression],

  rules: {
    source_file: ($) => repeat(choice($.import, $.declaration, $._member, ';')),

    comment: () => token(seq('#', /[^\n]*/)),
    identifier: () => /[\p{L}_][\p{L}\p{M}\p{N}_]*/,
    number: () => /\d+(\.\d+)?([eE][-+]?\d+)?/,
    string: ($) => seq('"', repeat(choice($.placeholder, token.immediate(/[^"{}\n]+/), token.immediate('}'))), token.immediate('"')),
    placeholder: () => token.immediate(/\{[^}"\n]*\}?/),

    // ---- declarations and members
    import: ($) => seq('import', $.string),
    declaration: ($) => seq(
      field('keyword', choice('model', 'layer', 'optimizer')), field('name', $.identifier), optional($.parameters),
      '{', repeat(choice($._member, ';')), '}'),
    _member: ($) => choice($.function, $.goal, $.rule, $.member),
    function: ($) => seq(
      'fn', field('name', $.identifier), $.parameters, optional(seq('->', $.type)), '=', field('body', $._value)),
    goal: ($) => seq(
      choice('loss', 'metric', 'output'), optional(field('name', $.identifier)), optional($.parameters), '=',
      field('body', $._value)),
    rule: ($) => seq(choice('update', 'propose'), $.parameters, $.block),
    member: ($) => seq(optional(choice('param', 'state')), $._binding, optional(seq('as', $.string))),
    parameters: ($) => seq('(', optional(list($.parameter)), ')'),
    parameter: ($) => seq(field('name', $.identifier), optional(seq(':', $.type)), optional(seq('=', $._expression))),
    type: ($) => prec.right(seq(
      field('name', $.identifier), optional(seq(token.immediate('['), optional(list(choice('...', $._expression))), ']')))),

    // ---- statements
    _value: ($) => choice($.block, $._expression),
    block: ($) => seq('{', repeat(choice($._statement, ';')), '}'),
    _statement: ($) => choice($.binding, $.for, $._expression),
    // Where a statement may begin this, being longer, wins over the - between two operands.
    _line_minus: () => token(prec(1, /\n[ \t]*-/)),
    binding: ($) => seq(optional('state'), $._binding),
    _binding: ($) => seq(
      field('name', $.identifier), repeat(seq(',', field('name', $.identifier))), optional(seq(':', $.type)),
      choice('=', '~', '<-'), field('value', $._expression)),
    for: ($) => seq('for', list($.identifier), 'in', $._expression, $.block),

    // ---- expressions
    _expression: ($) => choice(
      $.identifier, $.number, $.string, $.boolean, $.none, $.call, $.member_access, $.index, $.unary, $.binary, $.pipe,
      $.parenthesized, $.list, $.comprehension, $.if, $.scan),
    boolean: () => choice('true', 'false'),
    none: () => 'None',
    call: ($) => prec(10, seq(field('function', $._expression), token.immediate('('), optional(list($.argument)), ')')),
    argument: ($) => seq(optional(seq(field('name', $.identifier), choice('=', '~'))), $._expression),
    member_access: ($) => prec(10, seq($._expression, '.', field('name', $.identifier))),
    index: ($) => prec(10, seq($._expression, token.immediate('['), list($._index_item), ']')),
    _index_item: ($) => choice('...', $.range_of_index, $._expression),
    range_of_index: ($) => choice(
      seq($._expression, ':', optional($._expression)), seq(':', optional($._expression))),
    unary: ($) => choice(prec(8, seq(choice('-', $._line_minus), $._expression)), prec(3, seq('not', $._expression))),
    binary: ($) => choice(
      prec.right(9, seq($._expression, '^', $._expression)),
      ...[['*', 7], ['/', 7], ['//', 7], ['@', 7], ['+', 6], ['-', 6], ['..', 5], ['==', 4], ['!=', 4], ['<', 4], ['<=', 4],
        ['>', 4], ['>=', 4], ['and', 2], ['or', 1]].map(
        ([op, level]) => prec.left(level, seq($._expression, field('operator', op), $._expression)))),
    pipe: ($) => prec.left(0, seq($._expression, '|>', $._expression)),
    parenthesized: ($) => seq('(', $._expression, ')'),
    list: ($) => seq('[', optional(list($._expression)), ']'),
    comprehension: ($) => seq('[', $._expression, 'for', list($.identifier), 'in', $._expression, ']'),
    if: ($) => prec.right(seq('if', $._expression, $.block, optional(seq('else', choice($.if, $.block))))),
    scan: ($) => seq(
      'scan', list($.identifier), 'in', list($._expression), 'along', $._expression, optional('reversed'), $.block),
  },
});

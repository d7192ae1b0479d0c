" The .nn language of nnc for Vim and Neovim: copy to ~/.vim/syntax/nn.vim (Neovim: ~/.config/nvim/syntax/nn.vim).
"
" Vim has to be told which files are .nn:
"   autocmd BufRead,BufNewFile *.nn setfiletype nn
" Neovim starts the language server from its init.lua (nnc must be in the PATH):
"   vim.api.nvim_create_autocmd('FileType', { pattern = 'nn', callback = function()
"     vim.lsp.start({ name = 'nnc', cmd = { 'nnc', 'lsp' }, root_dir = vim.fn.getcwd() })
"   end })
if exists('b:current_syntax')
  finish
endif

syntax match nnComment /#.*$/ contains=@Spell
syntax region nnString start=/"/ end=/"\|$/ oneline contains=nnPlaceholder
syntax match nnPlaceholder /{[^}"]*}/ contained
syntax match nnNumber /\<\d\+\%(\.\d\+\)\?\%([eE][-+]\?\d\+\)\?\>/
syntax match nnOperator /|>\|<-\|->\|\.\.\.\?\|\/\/\|[=!<>]=\|[-+*\/@^=~<>]/

" Reserved words.
syntax keyword nnConditional if else
syntax keyword nnRepeat for scan
syntax keyword nnWordOperator and or not
syntax keyword nnBoolean true false
syntax keyword nnConstant None inf pi batch training

" Words with a meaning in their place.
syntax match nnDeclaration /\%(^\|[;{]\)\s*\zs\%(model\|layer\|optimizer\|fn\)\ze\s\+\K/ nextgroup=nnDeclared skipwhite
syntax match nnDeclared /\K\k*/ contained
syntax match nnDeclaration /\%(^\|[;{]\)\s*\zs\%(loss\|metric\|output\)\ze\%(\s\+\K\k*\)\?\s*[(=]/ nextgroup=nnDeclared skipwhite
syntax match nnDeclaration /\%(^\|[;{]\)\s*\zs\%(update\|propose\)\ze\s*(/
syntax match nnRole /\%(^\|[;{]\)\s*\zs\%(param\|state\)\ze\s\+\K/
syntax match nnImport /\%(^\|;\)\s*\zsimport\ze\s*"/
syntax match nnRepeat /\s\zs\%(in\|along\|reversed\)\ze[ ({[]/
syntax match nnRole /\<as\ze\s*"/
syntax match nnType /\%(\%(:\|->\)\s*\)\@<=\%(f32\|i32\|bool\|int\|count\|number\|fraction\|positive\|nonnegative\)\>/
syntax match nnCall /\K\k*\ze(/

highlight default link nnComment Comment
highlight default link nnString String
highlight default link nnPlaceholder Special
highlight default link nnNumber Number
highlight default link nnOperator Operator
highlight default link nnConditional Conditional
highlight default link nnRepeat Repeat
highlight default link nnWordOperator Operator
highlight default link nnBoolean Boolean
highlight default link nnConstant Constant
highlight default link nnDeclaration Keyword
highlight default link nnDeclared Function
highlight default link nnRole StorageClass
highlight default link nnImport Include
highlight default link nnType Type
highlight default link nnCall Function

let b:current_syntax = 'nn'

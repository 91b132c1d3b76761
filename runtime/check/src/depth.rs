//! How deeply a source may nest, found from its tokens before it is parsed. A tree is walked and freed by recursion, and a thread whose
//! stack ends takes the whole process with it. It must never be less than the depth of the tree that the parser makes.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer::lex};

/// An upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Depth {
    levels: usize,
}

/// What has been read of one pair of brackets, or of one statement.
#[derive(Debug, Default, Clone, Copy)]
struct Segment {
    /// Operators since the last comma: each may be around the next, and a comma is around nothing.
    operators: usize,
    /// A `lambda` has commas of its own, and goes on after them.
    lambdas: usize,
}

impl Depth {
    /// Ten times what people write; Python itself stops at 200 brackets and 100 indentations.
    pub(crate) const MOST: usize = 1_000;
    /// What one level takes of a stack, without optimisation; most of it is the visitor's.
    const STACK: usize = 24 << 10;

    pub(crate) fn of(source: &str) -> Self {
        let mut depth = Self { levels: 0 };
        let mut lexer = lex(source, Mode::Module);
        let mut open = vec![Segment::default()];
        let (mut around, mut indents) = (0_usize, 0_usize);
        loop {
            let kind = lexer.next_token();
            let Some(segment) = open.last_mut() else {
                return depth;
            };
            match kind {
                TokenKind::EndOfFile => return depth,
                TokenKind::Name
                | TokenKind::Int
                | TokenKind::Float
                | TokenKind::Complex
                | TokenKind::String
                | TokenKind::FStringMiddle
                | TokenKind::TStringMiddle
                | TokenKind::Comment
                | TokenKind::NonLogicalNewline => continue,
                TokenKind::Indent => indents = indents.saturating_add(1),
                TokenKind::Dedent => indents = indents.saturating_sub(1),
                TokenKind::Newline | TokenKind::Semi => {
                    open = vec![Segment::default()];
                    around = 0;
                }
                TokenKind::Comma => segment.operators = 0,
                TokenKind::Lambda => segment.lambdas = segment.lambdas.saturating_add(2),
                TokenKind::Lpar
                | TokenKind::Lsqb
                | TokenKind::Lbrace
                | TokenKind::FStringStart
                | TokenKind::TStringStart => {
                    segment.operators = segment.operators.saturating_add(1);
                    around = around.saturating_add(segment.levels());
                    open.push(Segment::default());
                }
                TokenKind::Rpar
                | TokenKind::Rsqb
                | TokenKind::Rbrace
                | TokenKind::FStringEnd
                | TokenKind::TStringEnd => {
                    if open.len() > 1 {
                        open.pop();
                        around = around.saturating_sub(open.last().map_or(0, Segment::levels));
                    }
                }
                _ => segment.operators = segment.operators.saturating_add(1),
            }
            let innermost = open.last().map_or(0, Segment::levels);
            let levels = around.saturating_add(innermost).saturating_add(indents);
            depth.levels = depth.levels.max(levels);
            if levels > Self::MOST {
                return depth;
            }
        }
    }

    /// Whether it may be deeper than [`Depth::MOST`].
    pub(crate) fn is_too_deep(self) -> bool {
        self.levels > Self::MOST
    }

    /// Does something with a tree of this depth, where there is stack enough.
    pub(crate) fn with_stack<T>(self, work: impl FnOnce() -> T) -> T {
        let needed = self.levels.saturating_add(10).saturating_mul(Self::STACK);
        stacker::maybe_grow(needed, needed, work)
    }
}

impl Segment {
    fn levels(&self) -> usize {
        self.operators.saturating_add(self.lambdas)
    }
}

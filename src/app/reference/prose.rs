//! The little Markdown that descriptions use, taken apart so that templates can print it: paragraphs, lists, code.

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) is_code: bool,
}

/// A paragraph, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The paragraph alone, or the items.
    pub(super) lines: Vec<Vec<Span>>,
    pub(super) is_list: bool,
}

/// Takes a text apart; an empty line separates blocks.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let pieces = text.split("\n\n").map(str::trim).filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| match piece.strip_prefix("- ") {
            Some(items) => Block { lines: items.split("\n- ").map(spans).collect(), is_list: true },
            None => Block { lines: vec![spans(piece)], is_list: false },
        })
        .collect()
}

/// Takes a sentence apart: what stands between backticks is code.
pub(super) fn spans(text: &str) -> Vec<Span> {
    let pieces = text.split('`').enumerate().filter(|(_, piece)| !piece.is_empty());
    pieces.map(|(index, piece)| Span { text: piece.replace('\n', " "), is_code: index % 2 == 1 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stands_between_backticks_and_items_behind_dashes() {
        let text = |text: &str| Span { text: text.to_owned(), is_code: false };
        let code = |text: &str| Span { text: text.to_owned(), is_code: true };

        let found = blocks("Decide by `code`,\nwhich is stable.\n\n- `a`: one\n- two\n");

        assert_eq!(
            found,
            [
                Block {
                    lines: vec![vec![text("Decide by "), code("code"), text(", which is stable.")]],
                    is_list: false
                },
                Block { lines: vec![vec![code("a"), text(": one")], vec![text("two")]], is_list: true },
            ]
        );
    }
}

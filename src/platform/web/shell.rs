//! What every page shows around its own content: title, breadcrumbs, menu, person, theme, a word left by the last page.
//!
//! Plain data: the caller fills it, `templates/layout/` prints it. The menu comes from outside, because this floor knows
//! no product noun.

use std::fmt;
use std::str::FromStr;

/// The frame of a page.
#[derive(Debug, Clone, Default)]
pub struct Shell {
    /// Names the page, in the browser's title.
    pub title: String,
    /// Leads here from the start; the last one is the page itself and has no address.
    pub crumbs: Vec<Crumb>,
    /// Groups of the sidebar.
    pub nav: Vec<NavGroup>,
    /// What the command palette offers beside the pages of the sidebar.
    pub actions: Vec<NavItem>,
    /// The person who is signed in.
    pub user: Option<ShellUser>,
    /// Proves that a form came from our page.
    pub csrf: String,
    /// Colours that the person chose.
    pub theme: Theme,
    /// Path and query of this page, where the theme form returns to.
    pub path: String,
    /// What the last page left to say.
    pub flash: Option<Flash>,
}

/// One step of the way to a page.
#[derive(Debug, Clone)]
pub struct Crumb {
    /// Words shown.
    pub label: String,
    /// Address, unless it is the page itself.
    pub href: Option<String>,
}

impl Crumb {
    /// Makes a step that leads to another page.
    #[must_use]
    pub fn link(label: &str, href: &str) -> Self {
        Self { label: label.to_owned(), href: Some(href.to_owned()) }
    }

    /// Makes the last step, the page itself.
    #[must_use]
    pub fn here(label: &str) -> Self {
        Self { label: label.to_owned(), href: None }
    }
}

/// A group of the sidebar.
#[derive(Debug, Clone)]
pub struct NavGroup {
    /// Words above the group.
    pub heading: Option<&'static str>,
    /// Its pages.
    pub items: Vec<NavItem>,
}

/// A page of the sidebar, or an action of the palette.
#[derive(Debug, Clone, Copy)]
pub struct NavItem {
    /// Words shown.
    pub label: &'static str,
    /// Address.
    pub href: &'static str,
    /// Name of a symbol in `static/icons.svg`.
    pub icon: &'static str,
    /// Whether the page belongs to this item.
    pub current: bool,
    /// How many things there need a person; shown in red.
    pub count: Option<u64>,
}

/// The person in the corner.
#[derive(Debug, Clone)]
pub struct ShellUser {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Role, in words.
    pub role_label: &'static str,
}

/// A sentence left for the next page.
#[derive(Debug, Clone)]
pub struct Flash {
    /// How it went.
    pub kind: FlashKind,
    /// The sentence.
    pub text: String,
}

/// How the thing went that a [`Flash`] tells about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlashKind {
    /// Done.
    #[default]
    Done,
    /// Not done.
    Failed,
}

impl FlashKind {
    /// Gives the word that styles and scripts know it by.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Failed => "err",
        }
    }
}

/// The colours of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the operating system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Tells whether this is the theme of that name.
    #[must_use]
    pub fn is(self, name: &str) -> bool {
        name.parse() == Ok(self)
    }

    /// Gives the value of `<html data-theme>`: empty follows the operating system.
    #[must_use]
    pub fn attribute(self) -> &'static str {
        match self {
            Self::System => "",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The word in the cookie `theme` and in the form.
impl fmt::Display for Theme {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        })
    }
}

impl FromStr for Theme {
    type Err = UnknownTheme;

    fn from_str(word: &str) -> Result<Self, UnknownTheme> {
        match word {
            "system" => Ok(Self::System),
            "light" => Ok(Self::Light),
            "dark" => Ok(Self::Dark),
            _ => Err(UnknownTheme),
        }
    }
}

/// Says that a word names no theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the theme is `light`, `dark` or `system`")]
pub struct UnknownTheme;

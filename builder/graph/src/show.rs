//! A graph as text: for goldens and people (`text`), and as a drawing (`dot`, `mermaid`). Stable: the same graph always
//! gives the same text.

mod drawing;
mod text;

pub use drawing::{to_dot, to_mermaid};
pub use text::to_text;

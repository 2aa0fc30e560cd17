//! Aligns columns as docker's tables are: cells end with a tab, a column is at least 10 wide and has 3 spaces
//! behind its widest cell. Knows no template.

/// The least width of a column.
const MIN_WIDTH: usize = 10;

/// Spaces behind the widest cell of a column.
const PADDING: usize = 3;

/// Replaces the tabs of a text by spaces so that cells stand below each other. What follows a line's last tab belongs to
/// no column; a column ends at a line that has fewer tabs. Lines get no trailing spaces.
pub fn align(text: &str) -> String {
    align_by(text, MIN_WIDTH, PADDING)
}

/// The same with other widths.
pub fn align_by(text: &str, min_width: usize, padding: usize) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let widths = widths(&lines, min_width, padding);
    let mut out = String::with_capacity(text.len() * 2);
    for (cells, widths) in lines.iter().zip(widths) {
        let start = out.len();
        for (column, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            let missing = widths.get(column).map_or(0, |width| width - cell.chars().count());
            out.extend(std::iter::repeat_n(' ', missing));
        }
        out.truncate(start + out[start..].trim_end().len());
        out.push('\n');
    }
    out
}

/// The widths of the columns that each line takes part in.
fn widths(lines: &[Vec<&str>], min_width: usize, padding: usize) -> Vec<Vec<usize>> {
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut first = 0;
        while first < lines.len() {
            let block = widths[first..].iter().take_while(|line| line.len() > column).count();
            let cells = lines[first..first + block].iter().map(|cells| cells[column].chars().count() + padding);
            let width = cells.max().unwrap_or(0).max(min_width);
            widths[first..first + block].iter_mut().for_each(|line| line[column] = width);
            first += block.max(1);
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        for (text, aligned) in [
            ("A\tB\n1\t2", "A         B\n1         2\n"),
            ("IMAGE\tID\nlong-name-here\tx", "IMAGE            ID\nlong-name-here   x\n"),
            ("a\t\tc", "a                   c\n"),
            ("a\tb\t", "a         b\n"),
            ("ä\tb\nxx\ty", "ä         b\nxx        y\n"),
            ("one\ttwo\nno columns\nthree-and-more\tfour", "one       two\nno columns\nthree-and-more   four\n"),
            ("", ""),
        ] {
            assert_eq!(align(text), aligned, "{text:?}");
        }
    }
}

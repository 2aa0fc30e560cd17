//! `rbuild images --format usage`: docker's table of how much of the disk images take and which are in use, with
//! `--tree` the platforms of each. What counts is what lies in the store, once for each image.

use super::inspect::driver;
use super::out::familiar;
use crate::error::Result;
use crate::image::{Listed, Sizes, StoredImage};
use crate::render::human;
use rbuild_oci::{ImageId, Platform};
use rbuild_store::Store;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Which images to show, and how.
pub(super) struct Usage<'a> {
    pub(super) store: &'a Store,
    /// How many containers each image has; none where it has none.
    pub(super) containers: &'a BTreeMap<ImageId, usize>,
    /// Whether ids are shown in full.
    pub(super) whole: bool,
    /// Whether platforms have lines of their own.
    pub(super) platforms: bool,
}

/// What says how to read the last column, at the right end of a terminal of that many columns.
pub(super) fn legend(columns: usize) -> String {
    format!("{:>columns$}\n", "i Info →   U  In Use")
}

/// A line of the table.
struct Line {
    image: String,
    id: String,
    /// Bytes of documents and layers, and of layers that are unpacked.
    disk: u64,
    /// Bytes that a push would send.
    content: u64,
    used: bool,
}

const UNTAGGED: &str = "<untagged>";
const HEADINGS: [&str; 5] = ["IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "EXTRA"];

impl Usage<'_> {
    /// The table: names in order, then what has none.
    pub(super) fn table(&self, listed: &[Listed]) -> Result<String> {
        let mut named: BTreeMap<&str, Vec<&StoredImage>> = BTreeMap::new();
        for Listed { image, tags } in listed {
            for tag in tags {
                named.entry(&tag.reference).or_default().push(image);
            }
        }
        let named = named.into_iter().map(|(reference, images)| (familiar(reference), images));
        let mut all: Vec<(String, Vec<&StoredImage>)> = named.collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let nameless = listed.iter().filter(|listed| listed.tags.is_empty());
        all.extend(nameless.map(|listed| (UNTAGGED.to_owned(), vec![&listed.image])));
        let mut lines = Vec::new();
        for (name, images) in all {
            self.add(name, &images, &mut lines)?;
        }
        Ok(drawn(&lines))
    }

    fn add(&self, name: String, images: &[&StoredImage], lines: &mut Vec<Line>) -> Result<()> {
        let each = images.iter().map(|image| self.line(image)).collect::<Result<Vec<_>>>()?;
        let native = images.iter().position(|image| image.config.platform().serves(&Platform::native()));
        lines.push(Line {
            image: name,
            id: each.get(native.unwrap_or_default()).map(|line| line.id.clone()).unwrap_or_default(),
            disk: each.iter().map(|line| line.disk).sum(),
            content: each.iter().map(|line| line.content).sum(),
            used: each.iter().any(|line| line.used),
        });
        if self.platforms {
            let last = each.len().saturating_sub(1);
            let below = |(at, line): (usize, Line)| {
                let branch = if at == last { '└' } else { '├' };
                Line { image: format!("{branch}─ {}", line.image), ..line }
            };
            lines.extend(each.into_iter().enumerate().map(below));
        }
        Ok(())
    }

    /// An image of one platform.
    fn line(&self, image: &StoredImage) -> Result<Line> {
        let layers = &image.config.rootfs.diff_ids;
        let documents = image.descriptor.size + image.manifest.config.size;
        let mut disk = documents;
        for layer in layers {
            disk += self.store.layers().get(layer)?.and_then(|layer| layer.size).unwrap_or_default();
        }
        if driver(self.store, layers)?["Data"].is_object() {
            disk += Sizes::new(self.store).image(image)?;
        }
        Ok(Line {
            image: image.config.platform().to_string(),
            id: human::id(&image.id.0, self.whole),
            disk,
            content: documents + image.manifest.layers.iter().map(|layer| layer.size).sum::<u64>(),
            used: self.containers.contains_key(&image.id),
        })
    }
}

/// Names and ids to the left, sizes to the right.
fn drawn(lines: &[Line]) -> String {
    let cells = lines.iter().map(|line| {
        let used = if line.used { " U" } else { "" };
        [line.image.clone(), line.id.clone(), human::size(line.disk), human::size(line.content), used.to_owned()]
    });
    let rows: Vec<[String; 5]> = std::iter::once(HEADINGS.map(str::to_owned)).chain(cells).collect();
    let width = |column: usize, least| rows.iter().map(|row| row[column].chars().count()).fold(least, usize::max);
    let [image, id, disk, content] = [width(0, 0), width(1, ID), width(2, 0), width(3, 0)];
    let mut out = String::new();
    for [name, digest, on_disk, in_content, extra] in &rows {
        let line = format!("{name:<image$}   {digest:<id$}   {on_disk:>disk$}   {in_content:>content$}   {extra}");
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// As wide as a short id.
const ID: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stand_to_the_right() {
        let line = |image: &str, disk, content, used| Line {
            image: image.to_owned(),
            id: "5e2309035332".to_owned(),
            disk,
            content,
            used,
        };
        let table = [
            "IMAGE                ID             DISK USAGE   CONTENT SIZE   EXTRA\n",
            "hello-world:latest   5e2309035332       25.9kB         9.49kB    U\n",
            "└─ linux/amd64       5e2309035332        162MB             0B\n",
        ];
        let lines = [line("hello-world:latest", 25_900, 9490, true), line("└─ linux/amd64", 162_000_000, 0, false)];
        assert_eq!(drawn(&lines), table.concat());
        assert_eq!(drawn(&[]), "IMAGE   ID             DISK USAGE   CONTENT SIZE   EXTRA\n");
        assert_eq!(legend(30), "          i Info →   U  In Use\n");
    }
}

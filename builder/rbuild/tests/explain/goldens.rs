//! Each folder of testdata/explain: `case.json` says what was and what is, `expected` what is told. `UPDATE=1` writes it.

use rbuild::explain::{Listing, Side, Why, why};
use rbuild_oci::{Descriptor, Timestamp};
use rbuild_records::{Recipe, Trace, Trail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What is to be compared.
#[derive(Deserialize)]
struct Case {
    /// Earlier times, the first one first.
    was: Vec<Time>,
    is: Time,
    #[serde(default)]
    below: Option<usize>,
}

/// One time that a step was made.
#[derive(Deserialize)]
struct Time {
    text: String,
    #[serde(default)]
    base: Option<String>,
    recipe: Vec<(String, String)>,
    #[serde(default)]
    files: Option<Vec<String>>,
}

impl Time {
    fn recipe(&self) -> Recipe {
        self.recipe.iter().fold(Recipe::new(), |recipe, (name, value)| recipe.with(name, value))
    }

    fn listing(&self) -> Option<Listing> {
        self.files.as_ref().map(|lines| Listing::from_text(&lines.join("\n")).unwrap())
    }
}

fn told(case: &Case) -> String {
    let (mut blobs, mut trail) = (BTreeMap::new(), Trail::default());
    for (at, was) in case.was.iter().enumerate() {
        let packed = was.listing().and_then(|listing| listing.pack().unwrap());
        let files = packed.map(|(files, bytes)| {
            blobs.insert(files.digest, bytes);
            files
        });
        let (text, base, created) = (was.text.clone(), was.base.clone(), Timestamp::from_seconds(at as i64));
        trail = trail.with(Trace { recipe: was.recipe(), text, base, files, created });
    }
    let (is, read) = (&case.is, |files: &Descriptor| blobs.get(&files.digest).cloned());
    let side = Side { recipe: is.recipe(), text: is.text.clone(), base: is.base.clone(), files: is.listing() };
    let why = why(&trail, &side, case.below, &read);
    let mut text = format!("{why}\n");
    if let Why::Differs { differences } = &why {
        text.extend(differences.iter().map(|difference| format!("- {difference}\n")));
    }
    let json = serde_json::to_string_pretty(&why).unwrap();
    assert_eq!(serde_json::from_str::<Why>(&json).unwrap(), why, "it is read as it was written");
    text
}

#[test]
fn what_differs_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/explain");
    let (mut wrong, mut count) = (Vec::new(), 0);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let case: Case = serde_json::from_slice(&fs::read(path.join("case.json")).unwrap()).unwrap();
        let (told, expected) = (told(&case), path.join("expected"));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &told).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if told != expected {
            wrong.push(format!("{}:\n{told}expected:\n{expected}", path.display()));
        }
        count += 1;
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(count >= 15, "{count} cases");
}

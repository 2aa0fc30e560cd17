//! What the base images are called where no build argument is given, for the linter alone. Knows no value of a build.

use super::globals;
use super::heads::lower_case_name;
use super::outline::Outline;
use crate::request::Request;
use dockerfile_parser::lint::{Linter, Seen, Site};
use rbuild_oci::{Platform, Reference};

/// Shows the linter every FROM's image by default. Where a word cannot be expanded it ends: the build will say why.
pub(super) fn see(outline: &Outline<'_>, request: &Request, platform: &Platform, linter: &mut Linter) {
    let Ok(variables) = globals::defaults(outline, request, platform) else { return };
    for section in &outline.sections {
        let image = &section.from.image;
        let Ok(expanded) = variables.expand(image, outline.escape, image.span) else { return };
        let is_name = lower_case_name(&expanded.value).parse::<Reference>().is_ok();
        let written = &image.to_str_lossy();
        linter.see(&Site::of(section.head, image), &Seen::DefaultImage { written, is_name });
    }
}

//! What refers to a manifest, in registries that list it and in those that do not.
#![allow(clippy::unwrap_used)] // the helpers of tests are tests

use rbuild_oci::testing::random_image;
use rbuild_oci::{Cancel, Descriptor, Index, Manifest, MediaType, Reference, to_canonical_json};
use rbuild_registry::Client;
use rbuild_registry::testing::{Login, Manners, Registry};

const KINDS: [&str; 3] = ["application/vnd.example.one", "application/vnd.example.two", "application/vnd.example.one"];

/// Pushes a manifest of each kind about `subject`; their descriptors as lists have them.
fn push_about(client: &Client, reference: &Reference, subject: &Descriptor) -> Vec<Descriptor> {
    let one = |(number, kind): (usize, &&str)| {
        let manifest = Manifest {
            artifact_type: Some((*kind).to_owned()),
            subject: Some(subject.clone()),
            annotations: [("org.example.number".to_owned(), number.to_string())].into(),
            ..Manifest::oci(Descriptor::of("application/vnd.oci.empty.v1+json", b"{}"), Vec::new())
        };
        let bytes = to_canonical_json(&manifest).unwrap();
        let untagged: Reference =
            format!("{}@{}", reference.full_name(), Descriptor::of("", &bytes).digest).parse().unwrap();
        let descriptor = client.push_manifest(&untagged, MediaType::OCI_MANIFEST, &bytes).unwrap();
        let (artifact_type, annotations) = (manifest.artifact_type, manifest.annotations);
        Descriptor { artifact_type, annotations, ..descriptor }
    };
    KINDS.iter().enumerate().map(one).collect()
}

fn sorted(mut descriptors: Vec<Descriptor>) -> Vec<Descriptor> {
    descriptors.sort_by_key(|descriptor| descriptor.digest);
    descriptors
}

#[test]
fn referrers_are_found_with_and_without_the_registrys_help() {
    for lists_referrers in [true, false] {
        let registry = Registry::with_manners(Login::Open, Manners { lists_referrers, ..Manners::default() }).unwrap();
        let client = Client::new(rbuild_registry::Config::default(), &Cancel::new());
        let image = random_image(1, 1);
        registry.put_image("team/app", "1", &image);
        let reference = registry.reference("team/app:1").unwrap();
        let find = |kind| client.referrers(&reference, &image.descriptor.digest, kind).unwrap();
        assert_eq!(find(None), []);
        let pushed = push_about(&client, &reference, &image.descriptor);
        assert_eq!(sorted(find(None)), sorted(pushed.clone()));
        assert_eq!(sorted(find(Some(KINDS[0]))), sorted(vec![pushed[0].clone(), pushed[2].clone()]));
        assert_eq!(find(Some("application/vnd.example.none")), []);
        let again = push_about(&client, &reference, &image.descriptor);
        assert_eq!((find(None).len(), again), (3, pushed));
        let tag = format!("sha256-{}", image.descriptor.digest.hex());
        let tagged = client.resolve(&registry.reference(&format!("team/app:{tag}")).unwrap());
        assert_eq!(tagged.is_err(), lists_referrers, "the tag is for registries without lists only");
        if let Ok(list) = tagged {
            let bytes = registry.get("team/app", &list.digest).unwrap();
            assert_eq!(Index::from_json(&bytes).unwrap().manifests.len(), 3);
        }
    }
}

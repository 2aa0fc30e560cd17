//! The suite that every volume driver has to pass. Knows the trait only: it returns everything that is wrong.

use crate::error::Result;
use crate::volume::{Mounted, NewVolume, Volume, VolumeDriver};
use rbuild_oci::Timestamp;
use std::collections::BTreeMap;

type Check<'a> = dyn FnMut(bool, &str) + 'a;

/// Everything that a driver without volumes does wrong; an error where there should be none ends it.
pub fn conformance(driver: &dyn VolumeDriver) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut check = |holds: bool, rule: &str| wrong.extend((!holds).then(|| rule.to_owned()));
    absent(driver, &mut check)?;
    made(driver, &mut check)?;
    refused(driver, &mut check)?;
    mounted(driver, &mut check)?;
    removed(driver, &mut check)?;
    Ok(wrong)
}

fn named(name: &str) -> NewVolume {
    NewVolume { name: Some(name.to_owned()), ..NewVolume::default() }
}

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn absent(driver: &dyn VolumeDriver, check: &mut Check<'_>) -> Result<()> {
    check(driver.list()?.is_empty(), "there are no volumes at first");
    check(driver.get("absent")?.is_none(), "what is absent is not found");
    check(driver.remove("absent")?.is_none(), "what is absent is not removed");
    driver.unmount("absent", "nobody")
}

fn made(driver: &dyn VolumeDriver, check: &mut Check<'_>) -> Result<()> {
    let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    let first = driver.create(&NewVolume { labels: labels.clone(), ..named("first") }, NOW)?;
    check(first.name == "first" && first.driver == driver.name(), "a volume has its name and driver");
    check(first.labels == labels && first.options.is_empty(), "a volume has its labels");
    check(!first.is_anonymous(), "who has a name is not anonymous");
    let again = driver.create(&named("first"), Timestamp::from_seconds(9))?;
    check(same(&again, &first), "what is there is what comes back");
    check(driver.get("first")?.is_some_and(|found| same(&found, &first)), "what was made is found");
    let nameless = driver.create(&NewVolume::default(), NOW)?;
    check(nameless.name.len() == 64 && nameless.is_anonymous(), "a volume without a name gets a random one");
    let names: Vec<String> = driver.list()?.into_iter().map(|volume| volume.name).collect();
    let mut expected = vec!["first".to_owned(), nameless.name.clone()];
    expected.sort();
    check(names == expected, "all volumes are listed, by name");
    driver.remove(&nameless.name)?.unwrap_or_default().finish()
}

/// Where a volume is may be known only once it is mounted.
fn same(one: &Volume, other: &Volume) -> bool {
    let key = |volume: &Volume| (volume.name.clone(), volume.driver.clone(), volume.labels.clone(), volume.created_at);
    key(one) == key(other)
}

fn refused(driver: &dyn VolumeDriver, check: &mut Check<'_>) -> Result<()> {
    for name in ["", "a", "../x", "-a", "a/b", "a b", ".lock"] {
        let refused = driver.create(&named(name), NOW).is_err();
        check(refused, &format!("{name:?} is no name of a volume"));
    }
    let options = BTreeMap::from([("type".to_owned(), "other".to_owned())]);
    let other = NewVolume { options, ..named("first") };
    check(
        driver.create(&other, NOW).is_err(),
        "a volume that was made with other options is not taken for the new one",
    );
    check(driver.list()?.len() == 1, "what is refused leaves nothing");
    Ok(())
}

fn mounted(driver: &dyn VolumeDriver, check: &mut Check<'_>) -> Result<()> {
    let Some(volume) = driver.get("first")? else {
        check(false, "what was made stays");
        return Ok(());
    };
    let place = |user: &str| -> Result<bool> {
        Ok(match driver.mount(&volume, user)? {
            Mounted::At(path) => path.is_absolute() && path.is_dir(),
            Mounted::Detached { .. } => true,
        })
    };
    check(place("one")? && place("two")?, "two users mount one volume");
    driver.unmount("first", "one")?;
    check(place("three")?, "a third mounts it while the second has it");
    driver.unmount("first", "two")?;
    driver.unmount("first", "three")
}

fn removed(driver: &dyn VolumeDriver, check: &mut Check<'_>) -> Result<()> {
    driver.remove("first")?.unwrap_or_default().finish()?;
    check(driver.get("first")?.is_none() && driver.list()?.is_empty(), "what was removed is gone");
    check(driver.remove("first")?.is_none(), "what was removed is not removed again");
    let again = driver.create(&named("first"), Timestamp::from_seconds(9))?;
    check(again.labels.is_empty(), "a new volume of an old name is new");
    driver.remove("first")?.unwrap_or_default().finish()
}

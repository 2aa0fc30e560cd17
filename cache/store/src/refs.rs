//! Tags: which image a name means. Each is a small file, the truth; `index.json`, which other tools read, lists them:
//! setting one carries on what is listed of others, forgetting one writes all of it anew. Knows no image's content beyond
//! whether its blobs are here.
//!
//! In `index.json` an image stands under the name a person types, `app:latest`, and where that is its whole tag also
//! under `app`; so `skopeo inspect oci:ROOT:app:latest` and `umoci unpack --image ROOT:app` both find it.

use crate::content::ContentStore;
use crate::error::{Error, Result, if_there};
use crate::layout::{Bucket, INDEX, LOCK, Store};
use crate::lock::Lock;
use rbuild_oci::{Descriptor, Index, Manifest, Reference, Timestamp, to_canonical_json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A tag and what it points at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// The full name, as `docker.io/library/app:latest`.
    pub reference: String,
    /// A manifest, or an index of several platforms.
    pub descriptor: Descriptor,
    /// When the tag was set.
    pub tagged: Timestamp,
}

/// The annotation by which image layouts name their images.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The tags of a store.
#[derive(Clone, Debug)]
pub struct Refs {
    store: Store,
}

impl Store {
    /// The tags of this store.
    pub fn refs(&self) -> Refs {
        Refs { store: self.clone() }
    }
}

impl Refs {
    /// What a name points at.
    pub fn get(&self, reference: &Reference) -> Result<Option<Tag>> {
        read(&self.path(reference))
    }

    /// All tags, sorted by name.
    pub fn list(&self) -> Result<Vec<Tag>> {
        let mut tags = Vec::new();
        for (_, tag) in self.files()? {
            tags.extend(tag?);
        }
        tags.sort_by(|a: &Tag, b: &Tag| a.reference.cmp(&b.reference));
        Ok(tags)
    }

    /// The files that hold tags, each with what it says: none where it is gone by now.
    pub fn files(&self) -> Result<Vec<(PathBuf, Result<Option<Tag>>)>> {
        let mut files = Vec::new();
        let mut ahead = vec![self.store.dir(Bucket::Refs)];
        while let Some(directory) = ahead.pop() {
            for path in entries(&directory)? {
                let name = path.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
                if name.starts_with(b":") {
                    let tag = read(&path);
                    files.push((path, tag));
                } else if !name.starts_with(b".") {
                    ahead.push(path);
                }
            }
        }
        Ok(files)
    }

    /// Points names at images. What the images need must be on the disk before. Names that point there already are left
    /// as they are; if that is all of them, nothing is written.
    pub fn set(&self, tags: &[(Reference, Descriptor)], now: Timestamp) -> Result<()> {
        if self.news(tags, now)?.is_empty() {
            return Ok(());
        }
        let _lock = self.lock()?;
        self.set_locked(&self.news(tags, now)?)
    }

    /// Writes the index and then these tags; who calls holds the lock.
    fn set_locked(&self, news: &[(PathBuf, Tag)]) -> Result<()> {
        if news.is_empty() {
            return Ok(());
        }
        // The index comes first: who is killed in between has set nothing, and the next to set the tag does both.
        let (mut tags, mut known) = (self.list()?, self.listed()?);
        for (_, new) in news {
            known.remove(&new.reference);
            tags.retain(|tag| tag.reference != new.reference);
        }
        tags.extend(news.iter().map(|(_, new)| new.clone()));
        self.write_index(&self.index(&tags, known)?)?;
        news.iter().try_for_each(|(path, tag)| self.write(path, &to_canonical_json(tag)?))
    }

    /// Points a name at an image if it still points where it was read (nowhere, where that is none); false where somebody
    /// else changed it since. What the image needs must be on the disk before.
    pub fn replace(
        &self,
        reference: &Reference,
        read: Option<&Descriptor>,
        target: &Descriptor,
        now: Timestamp,
    ) -> Result<bool> {
        let _lock = self.lock()?;
        if self.get(reference)?.map(|tag| tag.descriptor).as_ref() != read {
            return Ok(false);
        }
        self.set_locked(&self.news(&[(reference.clone(), target.clone())], now)?)?;
        Ok(true)
    }

    /// Those of the tags that point elsewhere so far, and where they are kept.
    fn news(&self, tags: &[(Reference, Descriptor)], now: Timestamp) -> Result<Vec<(PathBuf, Tag)>> {
        let mut news: Vec<(PathBuf, Tag)> = Vec::new();
        for (reference, descriptor) in tags {
            let tag = Tag { reference: reference.to_string(), descriptor: descriptor.clone(), tagged: now };
            let path = self.path(reference);
            if self.get(reference)?.is_none_or(|known| known.descriptor != *descriptor)
                && news.iter().all(|(other, _)| *other != path)
            {
                news.push((path, tag));
            }
        }
        Ok(news)
    }

    /// Forgets a name; says whether there was one.
    pub fn remove(&self, reference: &Reference) -> Result<bool> {
        let Some(tag) = self.get(reference)? else { return Ok(false) };
        if !self.remove_all(&[tag])? {
            self.refresh()?;
        }
        Ok(true)
    }

    /// Forgets tags, but for those that point elsewhere by now. False if that left no room to write `index.json`: once
    /// there is some, it is to be [refreshed](Self::refresh).
    pub fn remove_all(&self, tags: &[Tag]) -> Result<bool> {
        let _lock = self.lock()?;
        for tag in tags {
            let path = self.path(&tag.reference.parse()?);
            if read(&path)?.is_some_and(|now| now.descriptor == tag.descriptor) {
                if_there(fs::remove_file(&path)).map_err(Error::io("remove", path.display()))?;
            }
        }
        match self.rewrite_index() {
            Err(Error::Io { source, .. }) if Error::is_full(&source) => Ok(false),
            written => written.map(|()| true),
        }
    }

    /// Whether `index.json` has these images under these names. One that lost a part for a while was left out there.
    pub fn are_listed(&self, tags: &[(Reference, Descriptor)]) -> Result<bool> {
        let path = self.store.root().join(INDEX);
        let there = fs::read(&path).map_err(Error::io("read", path.display()))?;
        let Ok(index) = Index::from_json(&there) else { return Ok(false) };
        let is_listed = |(reference, image): &(Reference, Descriptor)| {
            let has = |listed: &Descriptor| listed.annotations.get(REF_NAME) == Some(&reference.familiar());
            index.manifests.iter().any(|listed| listed.digest == image.digest && has(listed))
        };
        Ok(tags.iter().all(is_listed))
    }

    /// What of `index.json` is not as the tags would have it written; none where all of it is.
    pub fn stale(&self) -> Result<Option<String>> {
        let _lock = self.lock()?;
        let path = self.store.root().join(INDEX);
        let there = fs::read(&path).map_err(Error::io("read", path.display()))?;
        let Ok(found) = Index::from_json(&there) else { return Ok(Some("it is no index".to_owned())) };
        let wanted = self.index(&self.list()?, Listed::new())?;
        let lacks = wanted.manifests.iter().find(|image| !found.manifests.contains(image));
        let more = found.manifests.iter().find(|image| !wanted.manifests.contains(image));
        let name =
            |image: &Descriptor| image.annotations.get(REF_NAME).cloned().unwrap_or_else(|| image.digest.to_string());
        let lacks = lacks.map(|image| format!("it lacks {}", name(image)));
        Ok(lacks.or_else(|| more.map(|image| format!("it has {}, which is no tag of a whole image", name(image)))))
    }

    /// Writes `index.json` anew from the tags.
    pub fn refresh(&self) -> Result<()> {
        let _lock = self.lock()?;
        self.rewrite_index()
    }

    /// Where a tag is, or would be: `refs.v1/<registry>/<repository>/:<tag>`; no component of a repository begins with a
    /// colon.
    pub fn path(&self, reference: &Reference) -> PathBuf {
        let name = self.store.dir(Bucket::Refs).join(reference.registry()).join(reference.repository());
        match (reference.tag(), reference.digest()) {
            (Some(tag), _) => name.join(format!(":{tag}")),
            (None, Some(digest)) => name.join(format!(":@{digest}")),
            (None, None) => name.join(":latest"),
        }
    }

    fn lock(&self) -> Result<Lock> {
        let lock = Lock::open(&self.store.dir(Bucket::Refs).join(LOCK))?;
        lock.take()?;
        Ok(lock)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io("create", parent.display()))?;
        }
        let file = self.store.tmp_file()?;
        file.file().write_all(bytes).map_err(Error::io("write", path.display()))?;
        file.file().sync_data().map_err(Error::io("sync", path.display()))?;
        file.persist(path)
    }

    /// Writes `index.json` by looking at every image.
    fn rewrite_index(&self) -> Result<()> {
        self.write_index(&self.index(&self.list()?, Listed::new())?)
    }

    fn write_index(&self, index: &Index) -> Result<()> {
        self.write(&self.store.root().join(INDEX), &to_canonical_json(index)?)
    }

    /// The index of those of these tags whose images are whole. What is `known` of a tag is taken over, so that only images
    /// of which nothing is known are looked at.
    fn index(&self, tags: &[Tag], mut known: Listed) -> Result<Index> {
        let mut listed = Listed::new();
        for tag in tags {
            match known.remove_entry(&tag.reference) {
                Some((name, images)) if images.iter().all(|image| image.digest == tag.descriptor.digest) => {
                    listed.insert(name, images);
                }
                _ => self.enlist(&mut listed, tag)?,
            }
        }
        Ok(Index::oci(listed.into_values().flatten().collect()))
    }

    /// What `index.json` lists; nothing where it is damaged.
    fn listed(&self) -> Result<Listed> {
        let path = self.store.root().join(INDEX);
        let bytes = fs::read(&path).map_err(Error::io("read", path.display()))?;
        let mut listed = Listed::new();
        for image in Index::from_json(&bytes).map(|index| index.manifests).unwrap_or_default() {
            let name = image.annotations.get(REF_NAME).map(|name| name.parse::<Reference>());
            let Some(Ok(name)) = name else { continue };
            listed.entry(name.to_string()).or_default().push(image);
        }
        Ok(listed)
    }

    /// Adds a tag under all its names, if its image is whole.
    fn enlist(&self, listed: &mut Listed, tag: &Tag) -> Result<()> {
        let reference: Reference = tag.reference.parse()?;
        // What an index lists is no reason to keep it.
        if !is_whole(&self.store.onlooker(), &tag.descriptor)? {
            return Ok(());
        }
        let short = (reference.tag() == Some("latest")).then(|| reference.familiar_name());
        let named = |name| {
            let mut descriptor = tag.descriptor.clone();
            descriptor.annotations.insert(REF_NAME.to_owned(), name);
            descriptor
        };
        listed.insert(tag.reference.clone(), [reference.familiar()].into_iter().chain(short).map(named).collect());
        Ok(())
    }
}

/// The entries of an index by the full name of their tag.
type Listed = BTreeMap<String, Vec<Descriptor>>;

/// Whether all that an image needs is in the store.
fn is_whole(store: &Store, image: &Descriptor) -> Result<bool> {
    let bytes = match store.document(&image.digest) {
        Err(Error::Corrupt { .. }) | Ok(None) => return Ok(false),
        Ok(Some(bytes)) => bytes,
        Err(error) => return Err(error),
    };
    if image.media_type.is_index() {
        let index = Index::from_json(&bytes)?;
        return index.manifests.iter().try_fold(true, |whole, next| Ok(whole && is_whole(store, next)?));
    }
    let manifest = Manifest::from_json(&bytes)?;
    let (content, mut all) = (store.content(), manifest.layers.iter().chain([&manifest.config]));
    all.try_fold(true, |whole, blob| Ok(whole && content.has(&blob.digest)?))
}

/// The tag in a file; none if there is no such file.
fn read(path: &Path) -> Result<Option<Tag>> {
    let Some(bytes) = if_there(fs::read(path)).map_err(Error::io("read", path.display()))? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|source| Error::Corrupt {
        what: "tag",
        subject: path.display().to_string(),
        reason: source.to_string(),
    })
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let list = || -> io::Result<Vec<PathBuf>> { fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect() };
    Ok(if_there(list()).map_err(Error::io("list", directory.display()))?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::testing::random_image;

    fn store_with_image(seed: u64) -> (tempfile::TempDir, Store, Descriptor) {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let image = random_image(seed, 2);
        for (digest, bytes) in &image.blobs {
            fs::write(store.blob_path(digest), bytes).unwrap();
        }
        (place, store, image.descriptor)
    }

    fn names(store: &Store) -> Vec<String> {
        let index = Index::from_json(&fs::read(store.root().join(INDEX)).unwrap()).unwrap();
        index.manifests.iter().map(|entry| entry.annotations[REF_NAME].clone()).collect()
    }

    #[test]
    fn tags_come_and_go_and_the_index_follows() {
        let (_place, store, image) = store_with_image(1);
        let (refs, now) = (store.refs(), Timestamp::from_seconds(1));
        let tags: Vec<(Reference, Descriptor)> =
            ["app", "localhost:5000/a/b:1.0"].iter().map(|name| (name.parse().unwrap(), image.clone())).collect();
        refs.set(&tags, now).unwrap();
        assert_eq!(names(&store), ["app:latest", "app", "localhost:5000/a/b:1.0"]);
        assert_eq!(refs.get(&tags[1].0).unwrap().unwrap().descriptor, image);
        assert_eq!(refs.list().unwrap().len(), 2);
        assert!(refs.remove(&tags[0].0).unwrap());
        assert!(!refs.remove(&tags[0].0).unwrap());
        assert_eq!(names(&store), ["localhost:5000/a/b:1.0"]);
        let known = refs.list().unwrap();
        let moved = random_image(9, 1).descriptor;
        refs.set(&[(tags[1].0.clone(), moved)], now).unwrap();
        assert!(refs.remove_all(&known).unwrap() && refs.list().unwrap().len() == 1, "it points elsewhere by now");
        assert!(refs.remove_all(&refs.list().unwrap()).unwrap() && refs.list().unwrap().is_empty());
    }

    #[test]
    fn an_incomplete_image_is_not_in_the_index_until_it_is_whole() {
        let (_place, store, image) = store_with_image(2);
        let manifest = Manifest::from_json(&fs::read(store.blob_path(&image.digest)).unwrap()).unwrap();
        let layer = store.blob_path(&manifest.layers[0].digest);
        let bytes = fs::read(&layer).unwrap();
        fs::remove_file(&layer).unwrap();
        store.refs().set(&[("app".parse().unwrap(), image.clone())], Timestamp::from_seconds(1)).unwrap();
        assert_eq!(names(&store), Vec::<String>::new());
        fs::write(&layer, bytes).unwrap();
        store.refs().set(&[("other:1".parse().unwrap(), image)], Timestamp::from_seconds(1)).unwrap();
        assert_eq!(names(&store), ["app:latest", "app", "other:1"]);
    }

    #[test]
    fn a_tag_carries_on_what_is_listed_and_damage_is_made_good() {
        let (_place, store, image) = store_with_image(7);
        let (refs, now) = (store.refs(), Timestamp::from_seconds(1));
        let set = |name: &str| refs.set(&[(name.parse().unwrap(), image.clone())], now).unwrap();
        let listed = || fs::read(store.root().join(INDEX)).unwrap();
        for name in ["b", "localhost:5000/a:1", "a:2"] {
            set(name);
        }
        assert_eq!(names(&store), ["a:2", "b:latest", "b", "localhost:5000/a:1"]);
        let carried_on = listed();
        for damage in ["", "{", r#"{"schemaVersion":2,"manifests":[{"digest":"x"}]}"#] {
            fs::write(store.root().join(INDEX), damage).unwrap();
            assert!(refs.remove(&"a:2".parse().unwrap()).unwrap());
            set("a:2");
            assert_eq!(listed(), carried_on, "{damage}");
        }
        fs::write(store.root().join(INDEX), "{").unwrap();
        set("c:3");
        assert_eq!(names(&store), ["a:2", "b:latest", "b", "c:3", "localhost:5000/a:1"]);
        fs::remove_file(refs.path(&"b".parse().unwrap())).unwrap();
        assert!(refs.stale().unwrap().unwrap().contains("it has b:latest"));
        set("d:4");
        assert_eq!(names(&store), ["a:2", "c:3", "d:4", "localhost:5000/a:1"]);
    }

    #[test]
    fn what_a_killed_process_listed_and_did_not_set_goes_with_the_next_tag() {
        let (_place, store, image) = store_with_image(8);
        let (refs, now, app) = (store.refs(), Timestamp::from_seconds(1), "app:1".parse().unwrap());
        let other = random_image(9, 1);
        for (digest, bytes) in &other.blobs {
            fs::write(store.blob_path(digest), bytes).unwrap();
        }
        refs.set(&[(app, image)], now).unwrap();
        let tag = refs.list().unwrap().remove(0);
        let moved = Tag { descriptor: other.descriptor.clone(), ..tag };
        refs.write_index(&refs.index(&[moved], Listed::new()).unwrap()).unwrap();
        assert!(refs.stale().unwrap().is_some());
        refs.set(&[("b:2".parse().unwrap(), other.descriptor)], now).unwrap();
        assert_eq!((refs.stale().unwrap(), names(&store)), (None, vec!["app:1".to_owned(), "b:2".to_owned()]));
    }

    #[test]
    fn setting_what_is_set_writes_nothing() {
        let (_place, store, image) = store_with_image(3);
        let tags = [("app".parse().unwrap(), image)];
        store.refs().set(&tags, Timestamp::from_seconds(1)).unwrap();
        let before = fs::metadata(store.root().join(INDEX)).unwrap().modified().unwrap();
        store.refs().set(&tags, Timestamp::from_seconds(2)).unwrap();
        assert_eq!(fs::metadata(store.root().join(INDEX)).unwrap().modified().unwrap(), before);
        assert_eq!(store.refs().list().unwrap()[0].tagged, Timestamp::from_seconds(1));
    }

    #[test]
    fn a_tag_is_replaced_only_where_it_was_read() {
        let (_place, store, image) = store_with_image(5);
        let (refs, now, name) = (store.refs(), Timestamp::from_seconds(1), "app".parse().unwrap());
        let other = random_image(6, 1).descriptor;
        assert!(!refs.replace(&name, Some(&image), &other, now).unwrap() && refs.get(&name).unwrap().is_none());
        assert!(refs.replace(&name, None, &image, now).unwrap());
        assert!(!refs.replace(&name, None, &other, now).unwrap());
        assert_eq!(refs.get(&name).unwrap().unwrap().descriptor, image);
        assert!(refs.replace(&name, Some(&image), &other, now).unwrap());
        assert_eq!(refs.get(&name).unwrap().unwrap().descriptor, other);
    }

    #[test]
    fn racing_writers_lose_no_tag() {
        let (_place, store, image) = store_with_image(4);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (store, image) = (&store, &image);
                scope.spawn(move || {
                    let reference = format!("app:{number}").parse().unwrap();
                    store.refs().set(&[(reference, image.clone())], Timestamp::from_seconds(1)).unwrap();
                });
            }
        });
        assert_eq!((store.refs().list().unwrap().len(), names(&store).len()), (8, 8));
    }
}

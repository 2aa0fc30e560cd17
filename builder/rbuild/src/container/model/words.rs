//! Words for names that nobody chose.

/// First half.
pub(crate) const ADJECTIVES: [&str; 64] = [
    "airy", "ample", "apt", "bold", "brave", "breezy", "bright", "brisk", "calm", "candid", "clear", "clever", "cosy",
    "crisp", "deft", "eager", "early", "exact", "fair", "fleet", "fond", "frank", "fresh", "gentle", "glad", "golden",
    "grand", "handy", "hardy", "humble", "jolly", "keen", "kind", "lively", "loyal", "lucid", "mellow", "merry",
    "mild", "modest", "neat", "nimble", "noble", "patient", "plain", "proud", "quick", "quiet", "ready", "robust",
    "silent", "sleek", "smart", "snug", "sober", "solid", "spry", "steady", "sunny", "swift", "tidy", "vivid", "warm",
    "witty",
];

/// Second half.
pub(crate) const NOUNS: [&str; 64] = [
    "acorn", "anchor", "apple", "badger", "barrel", "beacon", "birch", "bison", "bramble", "brook", "canyon", "cedar",
    "cinder", "cliff", "clover", "comet", "coral", "crane", "delta", "dune", "elm", "falcon", "fern", "finch", "fjord",
    "forest", "gecko", "glacier", "grove", "harbor", "hazel", "heron", "island", "ivy", "juniper", "kestrel", "lagoon",
    "lantern", "lark", "maple", "marten", "meadow", "moss", "oak", "orchard", "otter", "pebble", "pine", "prairie",
    "quartz", "raven", "reed", "ridge", "river", "robin", "sparrow", "spruce", "thicket", "tulip", "valley", "walnut",
    "willow", "wren", "yarrow",
];

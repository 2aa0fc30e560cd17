//! What templates make of one value, row by row: what Go's `text/template` with docker's functions gives, except that a
//! missing field of the value itself is an error, and that a field with an argument is a key of an object, as in docker's
//! `.Label "key"`.

use super::Template;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

fn value() -> Value {
    json!({
        "Name": "web", "Size": 8_460_000, "Ratio": 0.5, "Big": true, "Small": false, "None": null, "Empty": "",
        "Tags": ["app:1", "app:2"], "Nothing": [], "Config": {"User": "root", "Env": ["A=1", "B=2"], "Cmd": null},
        "Labels": {"b.c": "2", "a": "1"}, "Mounts": [{"Source": "/x", "RW": true}, {"Source": "/y", "RW": false}],
        "Nested": {"Ports": {"80/tcp": [{"HostPort": "8080"}]}}, "Path": "/a/b/c", "Word": "ünïcode text",
    })
}

fn render(template: &str) -> String {
    Template::parse(template)
        .and_then(|parsed| parsed.render(&value()))
        .unwrap_or_else(|problem| format!("! {problem}"))
}

const ROWS: &[(&str, &str)] = &[
    ("", ""),
    ("plain { text }", "plain { text }"),
    ("{{.Name}}", "web"),
    ("{{ .Name }}", "web"),
    ("<{{.Name}}>", "<web>"),
    ("{{.Size}}", "8460000"),
    ("{{.Ratio}}", "0.5"),
    ("{{.Big}} {{.Small}}", "true false"),
    ("{{.None}}", "<no value>"),
    ("{{.Tags}}", "[app:1 app:2]"),
    ("{{.Labels}}", "map[a:1 b.c:2]"),
    ("{{.Mounts}}", "[map[RW:true Source:/x] map[RW:false Source:/y]]"),
    ("{{.Config.Cmd}} {{.Config}}", "<no value> map[Cmd:<nil> Env:[A=1 B=2] User:root]"),
    ("{{.Config.User}}", "root"),
    ("{{.Config.Missing}}", "<no value>"),
    ("{{.Config.Missing.Deep}}", "<no value>"),
    ("{{.None.Deep}}", "<no value>"),
    ("{{.Labels.a}}", "1"),
    ("{{.Labels.zzz}}", "<no value>"),
    ("{{.Labels \"b.c\"}}", "2"),
    ("{{.Labels \"none\"}}", ""),
    // Functions of docker.
    ("{{json .Name}}", "\"web\""),
    ("{{json .Tags}}", "[\"app:1\",\"app:2\"]"),
    ("{{json .Labels}}", "{\"b.c\":\"2\",\"a\":\"1\"}"),
    ("{{json .None}} {{json .Config.Cmd}}", "null null"),
    ("{{json \"<&>\"}}", "\"<&>\""),
    ("{{join .Tags \", \"}}", "app:1, app:2"),
    ("{{join .Nothing \",\"}}", ""),
    ("{{split .Path \"/\"}}", "[ a b c]"),
    ("{{json (split .Path \"/\")}}", "[\"\",\"a\",\"b\",\"c\"]"),
    ("{{lower \"ABC\"}}{{upper .Name}}", "abcWEB"),
    ("{{title \"hello wide world\"}}", "Hello Wide World"),
    ("{{truncate .Word 4}}|{{truncate .Name 9}}", "ünïc|web"),
    ("[{{pad .Name 1 2}}]", "[ web  ]"),
    ("[{{pad .Empty 1 2}}]", "[]"),
    ("{{println .Name .Size}}x", "web 8460000\nx"),
    // Functions of Go.
    ("{{len .Tags}} {{len .Name}} {{len .Labels}} {{len .None}}", "2 3 2 0"),
    ("{{index .Tags 1}}", "app:2"),
    ("{{index .Labels \"b.c\"}}", "2"),
    ("[{{index .Labels \"no\"}}]", "[]"),
    ("{{(index .Mounts 0).Source}}", "/x"),
    ("{{index .Mounts 1 \"Source\"}}", "/y"),
    ("{{(index (index .Nested.Ports \"80/tcp\") 0).HostPort}}", "8080"),
    ("{{slice .Path 1 4}} {{slice .Tags 1}}", "a/b [app:2]"),
    ("{{print 1 2 \"a\" 3 4}}", "1 2a3 4"),
    ("{{printf \"%s has %d bytes\" .Name .Size}}", "web has 8460000 bytes"),
    ("{{printf \"%5s|%-5s|%05d|%x\" .Name .Name 42 255}}", "  web|web  |00042|ff"),
    ("{{printf \"%q %v %t %%\" .Name .Tags .Big}}", "\"web\" [app:1 app:2] true %"),
    ("{{printf \"%.2f %6.1f %e\" .Ratio .Ratio 1234.5}}", "0.50    0.5 1.234500e+03"),
    ("{{printf \"%+d % d %#x %c %b %o\" 5 5 255 65 5 8}}", "+5  5 0xff A 101 10"),
    ("{{printf \"%.2s|%X\" .Name \"hi\"}}", "we|6869"),
    ("{{printf \"%d\" .Name}}", "%!d(string=web)"),
    ("{{printf \"%s %s\" .Name}}", "web %!s(MISSING)"),
    ("{{printf \"%s\" .Name 7}}", "web%!(EXTRA int=7)"),
    ("{{printf \"%v %\" nil}}", "<nil> %!(NOVERB)"),
    ("{{eq .Name \"web\"}} {{ne .Name \"web\"}}", "true false"),
    ("{{eq .Name \"a\" \"b\" \"web\"}}", "true"),
    ("{{eq .Size 8460000}} {{eq .Ratio 0.5}} {{eq .Big true}}", "true true true"),
    ("{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge \"b\" \"a\"}}", "true true false true"),
    ("{{and .Big .Name}} {{and .Small .Name}}", "web false"),
    ("{{or .Empty .Name}} {{or .Empty .Small}}", "web false"),
    ("{{and .Small (index .Nothing 5)}}", "false"),
    ("{{or .Big (index .Nothing 5)}}", "true"),
    ("{{not .Big}} {{not .Empty}}", "false true"),
    // Pipelines.
    ("{{.Name | upper}}", "WEB"),
    ("{{.Name | upper | printf \"%s-%s\" \"x\"}}", "x-WEB"),
    ("{{.Tags | json | len}}", "17"),
    ("{{\",\" | join .Tags}}", "app:1,app:2"),
    ("{{(.Name | upper)}}", "WEB"),
    // Constants.
    ("{{\"a\\tb\\n\\\"\\u00e4\\x41\\101\"}}", "a\tb\n\"äAA"),
    ("{{`raw \\t {{`}}", "raw \\t {{"),
    ("{{'a'}} {{0x10}} {{0b11}} {{0o17}} {{017}} {{1_000}} {{-3}} {{+3}}", "97 16 3 15 15 1000 -3 3"),
    ("{{1.5}} {{1e3}} {{.5}} {{true}}", "1.5 1000 0.5 true"),
    // if.
    ("{{if .Big}}yes{{end}}", "yes"),
    ("{{if .Small}}yes{{else}}no{{end}}", "no"),
    ("{{if .Empty}}a{{else if .None}}b{{else if .Name}}c{{else}}d{{end}}", "c"),
    ("{{if .Nothing}}x{{end}}{{if .Tags}}y{{end}}{{if 0}}z{{end}}", "y"),
    ("{{if and .Big (eq .Name \"web\")}}both{{end}}", "both"),
    ("{{if not .Big}}a{{else}}b{{end}}", "b"),
    ("{{if gt (len .Tags) 1}}many{{end}}", "many"),
    ("{{if $n := .Name}}{{$n}}{{end}}", "web"),
    // with.
    ("{{with .Config}}{{.User}}{{end}}", "root"),
    ("{{with .None}}x{{else}}none{{end}}", "none"),
    ("{{with .None}}x{{else with .Name}}{{.}}{{end}}", "web"),
    ("{{with $c := .Config}}{{$c.User}}{{end}}", "root"),
    ("{{with .Config}}{{$.Name}}{{end}}", "web"),
    ("{{with .Config}}{{.Typo}}{{end}}", "<no value>"),
    // range.
    ("{{range .Tags}}{{.}};{{end}}", "app:1;app:2;"),
    ("{{range .Nothing}}x{{else}}none{{end}}", "none"),
    ("{{range .None}}x{{else}}none{{end}}", "none"),
    ("{{range $i, $t := .Tags}}{{$i}}={{$t}} {{end}}", "0=app:1 1=app:2 "),
    ("{{range $t := .Tags}}{{$t}}{{end}}", "app:1app:2"),
    ("{{range $k, $v := .Labels}}{{$k}}={{$v}},{{end}}", "a=1,b.c=2,"),
    ("{{range .Mounts}}{{.Source}}{{if .RW}}:rw{{end}} {{end}}", "/x:rw /y "),
    ("{{range .Mounts}}{{$.Name}}{{.Source}} {{end}}", "web/x web/y "),
    ("{{range $i, $t := .Tags}}{{if $i}}, {{end}}{{$t}}{{end}}", "app:1, app:2"),
    ("{{range .Tags}}{{if eq . \"app:2\"}}{{break}}{{end}}{{.}}{{end}}", "app:1"),
    ("{{range .Tags}}{{if eq . \"app:1\"}}{{continue}}{{end}}{{.}}{{end}}", "app:2"),
    ("{{range .Mounts}}{{range $k, $v := .}}{{$k}}{{end}} {{end}}", "RWSource RWSource "),
    // Variables.
    ("{{$x := .Name}}{{$x}}{{$x}}", "webweb"),
    ("{{$x := 1}}{{$x = 2}}{{$x}}", "2"),
    ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
    ("{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "21"),
    ("{{$n := 0}}{{range .Tags}}{{$n = len .}}{{end}}{{$n}}", "5"),
    ("{{$x := .Config}}{{$x.Env}}", "[A=1 B=2]"),
    ("{{$.Name}} {{$.Config.User}}", "web root"),
    // White space and comments.
    ("a {{- .Name -}} b", "awebb"),
    ("a\n{{- if true }}\nx\n{{- end }}\nb", "a\nx\nb"),
    ("a {{/* note */}} b", "a  b"),
    ("a {{- /* note */ -}} b", "ab"),
    ("{{3 -}} \n x", "3x"),
    ("{{/* {{.Nope}} */}}x", "x"),
    ("{{-3}}", "-3"),
    // Other templates.
    ("{{define \"t\"}}<{{.}}>{{end}}{{range .Tags}}{{template \"t\" .}}{{end}}", "<app:1><app:2>"),
    ("{{template \"t\"}}{{define \"t\"}}{{.}}{{end}}", "<no value>"),
    ("{{block \"b\" .Config}}{{.User}}{{end}}", "root"),
    ("{{define \"t\"}}{{$.User}}{{end}}{{template \"t\" .Config}}", "root"),
    (
        "{{template \"t\" .}}{{define \"t\"}}{{.Nope}}{{end}}",
        "! template:1:35: there is no field Nope; there are Name, Size, Ratio, Big, Small, None, Empty, Tags, Nothing, Config, Labels, Mounts, Nested, Path, Word",
    ),
    ("{{template \"t\"}}", "! template:1:1: the template \"t\" is not defined"),
    ("{{define \"t\"}}{{template \"t\"}}{{end}}{{template \"t\"}}", "! template:1:15: it is nested too deeply"),
    ("{{define \"t\"}}a{{end}}{{define \"t\"}}b{{end}}", "! template:1:23: the template \"t\" is defined twice"),
    (
        "{{if .Big}}{{define \"t\"}}{{end}}{{end}}",
        "! template:1:14: a template cannot be defined within another or a branch",
    ),
    ("{{$x := 1}}{{define \"t\"}}{{$x}}{{end}}", "! template:1:28: the variable $x is not declared"),
    // More than Go allows, or allowed when it was young.
    ("{{range 3}}{{.}}{{end}}{{range $i := 2}}{{$i}}{{end}}", "01201"),
    ("{{eq 1 1.0}} {{lt 1 1.5}}", "true true"),
    // What is wrong, and where.
    ("{{nil}}", "! template:1:3: nil cannot stand alone"),
    ("{{print \"a\"\"b\"}}", "! template:1:12: a space is missing here"),
    ("{{\"\\xff\"}}", "! template:1:3: a string is not closed, or has a wrong escape"),
    ("{{range 100000000}}x{{end}}", "! template:1:9: range needs a list, an object or a small number and got a number"),
    (
        "{{.Nmae}}",
        "! template:1:3: there is no field Nmae; there are Name, Size, Ratio, Big, Small, None, Empty, Tags, Nothing, Config, Labels, Mounts, Nested, Path, Word",
    ),
    ("{{.Name", "! template:1:1: an action is not closed by }}"),
    ("{{.Name}", "! template:1:8: unexpected '}'"),
    ("x\n {{.Name | nope}}", "! template:2:12: the function \"nope\" is not known"),
    ("{{$x}}", "! template:1:3: the variable $x is not declared"),
    ("{{$x = 1}}", "! template:1:8: the variable $x is not declared: use := first"),
    ("{{if .Big}}x", "! template:1:1: it has no {{end}}"),
    ("{{end}}", "! template:1:1: {{end}} without a matching if, range or with"),
    ("{{if .Big}}{{else}}{{else}}{{end}}", "! template:1:20: a second {{else}}"),
    ("{{}}", "! template:1:3: a value is missing here"),
    ("{{.Name |}}", "! template:1:10: a value is missing here"),
    ("{{1 2}}", "! template:1:3: a constant takes no arguments"),
    ("{{.Name | 1}}", "! template:1:11: a constant cannot take what is piped into it"),
    ("{{(.Name}}", "! template:1:3: a parenthesis is not closed"),
    ("{{\"open}}", "! template:1:3: a string is not closed, or has a wrong escape"),
    ("{{/* open }}", "! template:1:1: a comment is not closed by */"),
    ("{{.Name.First}}", "! template:1:3: there is no field First in a text"),
    ("{{index .Tags 7}}", "! template:1:3: index: there is no 7 in a list of 2"),
    ("{{join .Name \",\"}}", "! template:1:3: join: it needs a list and got a text"),
    ("{{range .Name}}{{end}}", "! template:1:9: range needs a list, an object or a small number and got a text"),
    ("{{eq .Name 1}}", "! template:1:3: eq: a text cannot be compared with a number"),
    ("{{lt .Tags 1}}", "! template:1:3: lt: a list and a number have no order"),
    ("{{lower}}", "! template:1:3: lower: it does not take 0 arguments"),
    ("{{break}}", "! template:1:3: break and continue belong into a range"),
];

#[test]
fn templates_make_what_go_makes() {
    for (template, text) in ROWS {
        assert_eq!(render(template), *text, "{template}");
    }
}

#[test]
fn headings_ignore_what_changes_texts() {
    let headings = json!({"ID": "IMAGE ID", "Tags": "TAGS"});
    let template =
        Template::parse("{{json .ID}} {{join .Tags \",\"}} {{.ID | lower}} {{truncate .ID 3}}|{{pad .ID 1 1}}|")
            .unwrap();
    assert_eq!(template.render_heading(&headings).unwrap(), "IMAGE ID TAGS IMAGE ID IMAGE ID| IMAGE ID |");
}

/// What Go 1.19 itself made of templates, with docker's functions, over `value.json`; and what it refused.
fn of_go<T: serde::de::DeserializeOwned>(file: &str) -> T {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/templates").join(file);
    serde_json::from_slice(&std::fs::read(place).unwrap()).unwrap()
}

#[test]
fn what_go_printed_is_printed() {
    let (value, rows): (Value, Vec<(String, String)>) = (of_go("value.json"), of_go("printed.json"));
    assert!(rows.len() > 300);
    for (template, text) in rows {
        let printed = Template::parse(&template).and_then(|parsed| parsed.render(&value));
        assert_eq!(printed.as_deref(), Ok(&*text), "{template}");
    }
}

#[test]
fn what_go_refused_is_refused() {
    let (value, templates): (Value, Vec<String>) = (of_go("value.json"), of_go("refused.json"));
    for template in templates {
        let printed = Template::parse(&template).and_then(|parsed| parsed.render(&value));
        assert!(printed.is_err(), "{template}: {printed:?}");
    }
}

#[test]
fn deep_nesting_is_an_error() {
    let parentheses = format!("{{{{{}1{}}}}}", "(".repeat(5000), ")".repeat(5000));
    let branches = "{{if true}}".repeat(5000);
    for template in [parentheses, branches] {
        assert!(Template::parse(&template).unwrap_err().message.contains("nested too deeply"));
    }
}

#[test]
fn nothing_grows_beyond_measure() {
    let nest = |depth: usize| "{{range 99999}}".repeat(depth) + &"{{end}}".repeat(depth);
    let branches = |inside: &str| "{{if true}}".repeat(90) + inside + &"{{end}}".repeat(90);
    let within_itself =
        format!("{{{{define \"t\"}}}}{}{{{{end}}}}{{{{template \"t\"}}}}", branches("{{template \"t\"}}"));
    for (template, why) in [
        ("{{$x := \"a\"}}{{range 99}}{{$x = print $x $x}}{{end}}", "bytes"),
        ("{{range 99999}}{{printf \"%9999d\" 1}}{{end}}", "bytes"),
        ("{{define \"t\"}}{{template \"t\"}}{{template \"t\"}}{{end}}{{template \"t\"}}", "nested too deeply"),
        (&nest(3), "too many steps"),
        (&within_itself, "nested too deeply"),
        ("{{$x := \"abcdefgh\"}}{{range 18}}{{$x = print $x $x}}{{end}}{{len (split $x \"\")}}", "parts"),
        (&format!("{{{{printf \"{}\"}}}}", "%9999d".repeat(5000)), "! "),
    ] {
        let shown = render(template);
        assert!(why == "! " || shown.starts_with("! ") && shown.contains(why), "{template}: {shown:.200}");
    }
}

/// Pieces that templates are made of, and some that they are not.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "{{",
        "}}",
        "{{- ",
        " -}}",
        " ",
        ".",
        "$",
        "$x",
        "x",
        "\"",
        "`",
        "'",
        "\\",
        "|",
        "(",
        ")",
        ":=",
        "=",
        ",",
        "1",
        "-3",
        "1.5",
        "e",
        "/*",
        "*/",
        "{{if ",
        "{{end}}",
        "{{else}}",
        "{{range ",
        "{{with ",
        "{{define \"t\"}}",
        "{{template \"t\" .}}",
        "{{block \"b\" .}}",
        "{{break}}",
        "{{continue}}",
        "printf ",
        "\"%*.[1]d%v%#q\"",
        ".Name",
        ".Tags",
        ".Labels",
        "index ",
        "slice ",
        "len ",
        "eq ",
        "html ",
        "json ",
        "nil",
        "%",
        "ä",
        "\n",
    ]);
    prop_oneof![9 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
}

/// A format of printf.
fn format() -> impl Strategy<Value = String> {
    "(%[-+ #0]{0,3}(\\[[0-9]{1,2}\\])?([0-9]{1,6}|\\*)?(\\.([0-9]{0,6}|\\*))?(\\[[0-9]\\])?[a-zA-Z%é]?){0,4}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_template_panics_or_hangs(pieces in prop::collection::vec(piece(), 0..24)) {
        let _outcome = render(&pieces.concat());
    }

    #[test]
    fn no_format_panics(format in format(), numbers in prop::collection::vec(any::<i64>(), 0..4), text in any::<String>(), fraction in -1e30_f32..1e30) {
        let mut values: Vec<Value> = numbers.iter().map(|number| json!(number)).collect();
        values.extend([json!(text), json!(f64::from(fraction)), json!({"k": [null, text]})]);
        prop_assert!(super::printf::printf(&format, &values).is_ok());
    }
}

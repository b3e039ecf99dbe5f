//! What a package index says of one project: the files that there are, in the JSON of PEP 691 or the HTML of PEP 503.
//!
//! Nothing of it is believed: it only says where to ask for bytes whose hash the lock knows.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::FileHash;

/// Most files of one project that are looked at; no more than one more is ever kept in memory.
const FILES_MAX: usize = 100_000;

/// How much of a strange version an error repeats, in characters.
const VERSION_SHOWN: usize = 20;

/// Why an answer is not an index's page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// Not JSON of the form.
    #[error(
        "expected a project's files as JSON of version 1 (PEP 691), found something else; check the address of the index"
    )]
    Json,
    /// Another version of the interface.
    #[error("expected version 1 of the interface (PEP 629), found {found:?}; use an index that speaks version 1")]
    Version {
        /// The beginning of what was found.
        found: String,
    },
    /// Not text.
    #[error("expected a project's files as HTML in UTF-8, found other bytes; check the address of the index")]
    Text,
    /// More files than any project has.
    #[error("expected at most {FILES_MAX} files of one project, found more; check the address of the index")]
    TooMany,
}

/// The two forms of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "PEP 691 and PEP 503")]
pub enum PageForm {
    /// `application/vnd.pypi.simple.v1+json`.
    Json,
    /// `application/vnd.pypi.simple.v1+html` and `text/html`.
    Html,
}

impl PageForm {
    /// What to ask for, the best first.
    pub const ACCEPT: &str =
        "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

    /// The form that a `Content-Type` names.
    #[must_use]
    pub fn of_content_type(value: &str) -> Option<Self> {
        match value.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "application/vnd.pypi.simple.v1+json" => Some(Self::Json),
            "application/vnd.pypi.simple.v1+html" | "text/html" => Some(Self::Html),
            _ => None,
        }
    }
}

/// One file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexFile {
    /// Its name.
    pub name: String,
    /// Where it lies: an address, or a reference that is relative to the page's base; without a fragment.
    pub url: String,
    /// Its SHA-256, if the index says it.
    pub sha256: Option<FileHash>,
    /// Its size, if the index says it.
    pub size: Option<u64>,
}

/// A project's files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexPage {
    /// What references are relative to, if not to the page's own address: the first `<base href>` of HTML. PEP 503 does
    /// not speak of it, but it means HTML, and pip and uv obey it; where it leads decides the list of hosts as for any file.
    pub base: Option<String>,
    /// In the order of the page.
    pub files: Vec<IndexFile>,
}

impl IndexPage {
    /// Reads a page.
    ///
    /// # Errors
    /// [`PageError`] when the bytes are not of that form.
    pub fn read(form: PageForm, bytes: &[u8]) -> Result<Self, PageError> {
        match form {
            PageForm::Json => json(bytes),
            PageForm::Html => html(bytes),
        }
    }
}

#[derive(Deserialize)]
struct Page {
    meta: Meta,
    #[serde(deserialize_with = "bounded")]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: String,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: Hashes,
    #[serde(default)]
    size: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Hashes {
    #[serde(default)]
    sha256: Option<String>,
}

fn json(bytes: &[u8]) -> Result<IndexPage, PageError> {
    let page: Page = serde_json::from_slice(bytes).map_err(|_| PageError::Json)?;
    if page.meta.api_version.split('.').next() != Some("1") {
        return Err(PageError::Version { found: page.meta.api_version.chars().take(VERSION_SHOWN).collect() });
    }
    if page.files.len() > FILES_MAX {
        return Err(PageError::TooMany);
    }
    let file = |File { filename, url, hashes, size }: File| {
        let (url, _) = split_fragment(&url);
        IndexFile { name: filename, url: url.to_owned(), sha256: hashes.sha256.as_deref().and_then(sha256), size }
    };
    Ok(IndexPage { base: None, files: page.files.into_iter().map(file).collect() })
}

/// Reads a list to its end and keeps no more of it than shows that it is too long.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<File>, D::Error> {
    struct Files;

    impl<'de> Visitor<'de> for Files {
        type Value = Vec<File>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of files")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<File>, A::Error> {
            let mut files = Vec::new();
            while files.len() <= FILES_MAX {
                let Some(file) = list.next_element()? else { return Ok(files) };
                files.push(file);
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(files)
        }
    }

    deserializer.deserialize_seq(Files)
}

fn html(bytes: &[u8]) -> Result<IndexPage, PageError> {
    let text = std::str::from_utf8(bytes).map_err(|_| PageError::Text)?;
    let (mut base, mut files) = (None, Vec::new());
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        rest = after;
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else if let Some(attributes) = tag(after, "a") {
            let (href, after) = href(attributes);
            rest = after;
            files.extend(href.and_then(|href| linked(&href)));
        } else if let Some(attributes) = tag(after, "base") {
            let (href, after) = href(attributes);
            rest = after;
            base = base.or(href.map(|href| href.trim().to_owned()));
        }
        if files.len() > FILES_MAX {
            return Err(PageError::TooMany);
        }
    }
    Ok(IndexPage { base, files })
}

/// What follows the name of a tag and a space, if that is its name.
fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (found, rest) = text.split_at_checked(name.len())?;
    let named = found.eq_ignore_ascii_case(name) && rest.starts_with(|c: char| c.is_ascii_whitespace());
    named.then_some(rest)
}

/// The value of a tag's first `href`, and what follows the tag.
fn href(mut rest: &str) -> (Option<String>, &str) {
    let mut found = None;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let Some(first) = rest.chars().next() else { return (found, rest) };
        if first == '>' {
            return (found, rest.get(1..).unwrap_or_default());
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || "=>/".contains(c)).unwrap_or(rest.len());
        // A name of at least one character, so that this ends.
        let (name, after) = rest.split_at_checked(end.max(first.len_utf8())).unwrap_or((rest, ""));
        let (value, after) = value(after);
        if name.eq_ignore_ascii_case("href") && found.is_none() {
            found = Some(unescaped(value));
        }
        rest = after;
    }
}

/// An attribute's value, empty when it has none, and what follows it.
fn value(after_name: &str) -> (&str, &str) {
    let Some(after) = after_name.trim_start().strip_prefix('=') else { return ("", after_name) };
    let after = after.trim_start();
    for quote in ['"', '\''] {
        if let Some(quoted) = after.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    after.split_at(after.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(after.len()))
}

/// The character references that addresses need.
fn unescaped(text: &str) -> String {
    let named = [("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    named.into_iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The file that a link leads to: its name is the address's last part.
fn linked(href: &str) -> Option<IndexFile> {
    let (url, fragment) = split_fragment(href.trim());
    let path = url.split('?').next()?;
    let name = decoded(path.rsplit('/').next()?)?;
    let sha256 = fragment.split('&').find_map(|part| part.strip_prefix("sha256=")).and_then(sha256);
    (!name.is_empty()).then(|| IndexFile { name, url: url.to_owned(), sha256, size: None })
}

fn split_fragment(url: &str) -> (&str, &str) {
    url.split_once('#').unwrap_or((url, ""))
}

/// Without percent-encoding (RFC 3986); `None` when that is malformed or no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend(parts.next()?.bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).ok()
}

fn sha256(text: &str) -> Option<FileHash> {
    hex::decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash() -> String {
        "ab".repeat(32)
    }

    #[test]
    fn json_pages_are_read() {
        let text = format!(
            r#"{{"meta":{{"api-version":"1.3","x":0}},"name":"x","files":[
            {{"filename":"x-1-py3-none-any.whl","url":"../../f/x-1-py3-none-any.whl#y","hashes":{{"sha256":"{}"}},"size":7,"yanked":false}},
            {{"filename":"x-1.tar.gz","url":"https://f.example/x-1.tar.gz","hashes":{{}}}}]}}"#,
            hash()
        );
        let files = IndexPage::read(PageForm::Json, text.as_bytes()).unwrap().files;
        let [wheel, source] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!((wheel.name.as_str(), wheel.url.as_str()), ("x-1-py3-none-any.whl", "../../f/x-1-py3-none-any.whl"));
        assert_eq!((wheel.sha256, wheel.size), (Some([0xab; 32]), Some(7)));
        assert_eq!((source.sha256, source.size), (None, None));
    }

    #[test]
    fn other_json_is_refused() {
        for text in ["", "[]", "{}", r#"{"meta":{"api-version":"1.0"}}"#] {
            assert_eq!(IndexPage::read(PageForm::Json, text.as_bytes()), Err(PageError::Json), "{text}");
        }
        let text = r#"{"meta":{"api-version":"2.0"},"files":[]}"#;
        assert!(matches!(IndexPage::read(PageForm::Json, text.as_bytes()), Err(PageError::Version { .. })));
    }

    #[test]
    fn html_pages_are_read() {
        let text = format!(
            "<!DOCTYPE html><html><!-- <a href='no.whl'>no</a> --><body><abbr href='no'></abbr>\n\
             <a data-requires-python='&gt;=3.9' HREF = \"../x%2B1.whl?a=1&amp;b=2#sha256={h}\" >x</a><br/>\n\
             <a href=y.whl>y</a><a\nhref='z/'>z</a><a>nothing</a><a href='%zz'>broken</a><a href='q.whl",
            h = hash()
        );
        let files = IndexPage::read(PageForm::Html, text.as_bytes()).unwrap().files;
        let found: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.url.as_str())).collect();
        assert_eq!(found, [("x+1.whl", "../x%2B1.whl?a=1&b=2"), ("y.whl", "y.whl"), ("q.whl", "q.whl")]);
        assert_eq!((files[0].sha256, files[1].sha256), (Some([0xab; 32]), None));
        assert_eq!(IndexPage::read(PageForm::Html, b"\xff"), Err(PageError::Text));
    }

    #[test]
    fn the_first_base_of_html_is_what_references_are_relative_to() {
        let read = |text: &str| IndexPage::read(PageForm::Html, text.as_bytes()).unwrap();
        let page =
            read("<head><BASE target=x href=' https://files.example/p/ '><base href=no></head><a href=x.whl>x</a>");
        assert_eq!((page.base.as_deref(), page.files.len()), (Some("https://files.example/p/"), 1));
        for without in
            ["<a href=x.whl>", "<base><a href=x.whl>", "<basement href=x><a href=x.whl>", "<!-- <base href=x> -->"]
        {
            assert_eq!(read(without).base, None, "{without}");
        }
    }

    #[test]
    fn more_files_than_any_project_has_are_refused_and_not_kept() {
        let text = |count: usize| {
            let files = vec![r#"{"filename":"","url":""}"#; count].join(",");
            format!(r#"{{"files":[{files}],"meta":{{"api-version":"1.0"}}}}"#)
        };
        let read = |count| IndexPage::read(PageForm::Json, text(count).as_bytes());
        assert_eq!(read(FILES_MAX).unwrap().files.len(), FILES_MAX);
        assert_eq!(read(FILES_MAX + 5), Err(PageError::TooMany));
        let page: Page = serde_json::from_str(&text(FILES_MAX + 5)).unwrap();
        assert_eq!(page.files.len(), FILES_MAX + 1);
        let html = "<a href=x>".repeat(FILES_MAX + 1);
        assert_eq!(IndexPage::read(PageForm::Html, html.as_bytes()), Err(PageError::TooMany));
    }

    #[test]
    fn a_strange_version_is_repeated_in_part_only() {
        let text = format!(r#"{{"meta":{{"api-version":"{}"}},"files":[]}}"#, "9".repeat(10_000));
        let error = IndexPage::read(PageForm::Json, text.as_bytes()).unwrap_err();
        assert!(error.to_string().len() < 200, "{error}");
    }

    #[test]
    fn forms_have_names() {
        let form = PageForm::of_content_type;
        assert_eq!(form("application/vnd.pypi.simple.v1+json"), Some(PageForm::Json));
        assert_eq!(form("Text/HTML; charset=utf-8"), Some(PageForm::Html));
        assert_eq!(form("application/octet-stream"), None);
    }
}

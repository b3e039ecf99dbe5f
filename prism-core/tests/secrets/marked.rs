//! A secret that is recognised in whatever form it escapes. Needs nothing of Prism, so that other crates' tests use it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::memmem;

/// Bytes that must not be found, and what they look like when something shows them.
pub(crate) struct Marked {
    name: &'static str,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Marked {
    /// All that programs usually make of bytes: as they are, hexadecimal, Base64 at any offset, a list of numbers, text
    /// with escapes.
    pub(crate) fn bytes(name: &'static str, secret: &[u8]) -> Self {
        assert!(secret.len() >= 16, "{name}: shorter bytes are found by chance");
        let hexadecimal = hexadecimal(secret);
        let numbers = format!("{secret:?}");
        let mut forms = vec![
            ("bytes", secret.to_vec()),
            ("hex", hexadecimal.clone().into_bytes()),
            ("HEX", hexadecimal.to_uppercase().into_bytes()),
            ("numbers", numbers.trim_matches(['[', ']']).as_bytes().to_vec()),
            ("packed numbers", numbers.trim_matches(['[', ']']).replace(' ', "").into_bytes()),
            ("escapes", secret.escape_ascii().to_string().into_bytes()),
        ];
        // Whatever stands before it, whole groups of three bytes are encoded alike.
        let groups = (0..3).map(|skip| &secret[skip..skip + (secret.len() - skip) / 3 * 3]);
        forms.extend(groups.map(|group| ("Base64", STANDARD_NO_PAD.encode(group).into_bytes())));
        Self { name, forms }
    }

    /// A text: as it is, in lower case, and as [`Self::bytes`].
    pub(crate) fn text(name: &'static str, secret: &str) -> Self {
        let mut marked = Self::bytes(name, secret.as_bytes());
        marked.forms.push(("lower case", secret.to_lowercase().into_bytes()));
        marked
    }

    /// The forms in which it is in `content`.
    pub(crate) fn found_in(&self, content: &[u8]) -> Vec<String> {
        let found = self.forms.iter().filter(|(_, form)| memmem::find(content, form).is_some());
        found.map(|(form, _)| format!("{} as {form}", self.name)).collect()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

#[test]
fn a_marked_secret_is_recognised_in_every_form() {
    let secret: Vec<u8> = (100..132).collect();
    let marked = Marked::bytes("secret", &secret);
    let shown = [
        format!("{secret:?}"),
        hexadecimal(&secret),
        STANDARD_NO_PAD.encode([b"x", secret.as_slice()].concat()),
        STANDARD_NO_PAD.encode([b"xy", secret.as_slice(), b"z"].concat()),
        secret.escape_ascii().to_string(),
    ];
    for text in shown {
        assert!(!marked.found_in(text.as_bytes()).is_empty(), "{text}");
    }
    assert!(marked.found_in(&secret[1..]).is_empty());
    assert!(!Marked::text("text", "AN UPPER CASE TEXT").found_in(b"an upper case text").is_empty());
}

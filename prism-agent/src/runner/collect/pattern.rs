//! File patterns of a manifest: `*`, `?` and `**`, nothing else is special.

/// Whether `name`, parts joined by `/`, is allowed by `pattern`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let name: Vec<&str> = name.split('/').collect();
    // One row per pattern part: which prefixes of the name it can have consumed. No backtracking, no blow-up.
    let mut reached = vec![false; name.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for part in pattern {
        reached = step(part, &name, &reached);
    }
    reached.last().copied().unwrap_or(false)
}

fn step(part: &str, name: &[&str], reached: &[bool]) -> Vec<bool> {
    let mut next = Vec::with_capacity(reached.len());
    for at in 0..reached.len() {
        let before = at.checked_sub(1);
        let hit = if part == "**" {
            reached.get(at) == Some(&true) || before.and_then(|i| next.get(i)) == Some(&true)
        } else {
            before.is_some_and(|i| reached.get(i) == Some(&true) && name.get(i).is_some_and(|word| glob(part, word)))
        };
        next.push(hit);
    }
    next
}

fn glob(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut reached = vec![false; text.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for wanted in pattern.chars() {
        let mut next = Vec::with_capacity(reached.len());
        for at in 0..reached.len() {
            let before = at.checked_sub(1);
            let hit = match wanted {
                '*' => reached.get(at) == Some(&true) || before.and_then(|i| next.get(i)) == Some(&true),
                _ => before.is_some_and(|i| {
                    reached.get(i) == Some(&true) && text.get(i).is_some_and(|c| wanted == '?' || *c == wanted)
                }),
            };
            next.push(hit);
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stays_within_one_part_and_two_stars_do_not() {
        for (pattern, name, expected) in [
            ("model.pth", "model.pth", true),
            ("model.pth", "model.pth2", false),
            ("*.pth", "model.pth", true),
            ("*.pth", "a/model.pth", false),
            ("**/*.pth", "a/b/model.pth", true),
            ("**/*.pth", "model.pth", true),
            ("plots/**", "plots/a/b.png", true),
            ("plots/**", "plot/a", false),
            ("fold-?.json", "fold-1.json", true),
            ("fold-?.json", "fold-12.json", false),
            ("*", "a", true),
            ("", "a", false),
            ("[a]", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_its_length_times_the_name() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
        assert!(!matches(&["**"; 200].join("/a/"), &["b"; 200].join("/")));
    }
}

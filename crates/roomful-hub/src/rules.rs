//! What holds in which channel: patterns in the order they were given. Asked when a channel begins, and when rules change.
use crate::command::Rules;

/// A history is replayed in one go, so it fits into a backlog (1 MiB) with room to spare.
pub(crate) const MAX_HISTORY_BYTES: usize = 512 << 10;

#[derive(Default)]
pub(crate) struct RuleBook {
    rules: Vec<(String, Rules)>,
}

impl RuleBook {
    /// Puts rules in place of those of the same pattern, or behind all others; None removes them.
    pub fn change(&mut self, pattern: String, rules: Option<Rules>) {
        let at = self.rules.iter().position(|(known, _)| *known == pattern);
        let rules = rules.map(|rules| Rules {
            history_bytes: rules.history_bytes.min(MAX_HISTORY_BYTES),
            ..rules
        });
        match (at.and_then(|at| self.rules.get_mut(at)), rules) {
            (Some(known), Some(rules)) => known.1 = rules,
            (None, Some(rules)) => self.rules.push((pattern, rules)),
            (_, None) => self.rules.retain(|(known, _)| *known != pattern),
        }
    }

    /// The first that match, or the usual ones.
    pub fn of(&self, channel: &str) -> Rules {
        let fits = |(pattern, _): &&(String, Rules)| matches(pattern, channel);
        self.rules
            .iter()
            .find(fits)
            .map_or_else(Rules::default, |(_, rules)| rules.clone())
    }
}

/// `*` stands for any characters, also none; `?` for one. Time is at most pattern × text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut p, mut t) = (pattern.chars(), text.chars());
    // After the last star, and how much of the text it had taken.
    let mut star: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let mut ahead = p.clone();
        match ahead.next() {
            Some('*') => {
                p = ahead;
                star = Some((p.clone(), t.clone()));
                continue;
            }
            wanted => {
                let mut rest = t.clone();
                match (wanted, rest.next()) {
                    (None, None) => return true,
                    (Some(w), Some(c)) if w == '?' || w == c => {
                        (p, t) = (ahead, rest);
                        continue;
                    }
                    _ => {}
                }
            }
        }
        match &mut star {
            Some((after, taken)) => {
                if taken.next().is_none() {
                    return false;
                }
                (p, t) = (after.clone(), taken.clone());
            }
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The plain definition, exponential.
    fn slowly(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|n| slowly(rest, &text[n..])),
            Some((w, rest)) => text
                .split_first()
                .is_some_and(|(c, tail)| (*w == '?' || w == c) && slowly(rest, tail)),
        }
    }

    #[test]
    fn the_first_pattern_counts() {
        let mut book = RuleBook::default();
        let limited = |max_members| Rules {
            max_members,
            ..Rules::default()
        };
        book.change("p2p/*".into(), Some(limited(8)));
        book.change("*".into(), Some(limited(9)));
        assert_eq!(book.of("p2p/x").max_members, 8);
        assert_eq!(book.of("game").max_members, 9);
        book.change("p2p/*".into(), Some(limited(7)));
        assert_eq!(book.of("p2p/x").max_members, 7, "keeps its place");
        book.change("*".into(), None);
        assert_eq!(book.of("game"), Rules::default());
        book.change(
            "h".into(),
            Some(Rules {
                history_bytes: usize::MAX,
                ..Rules::default()
            }),
        );
        assert_eq!(book.of("h").history_bytes, MAX_HISTORY_BYTES);
    }

    proptest! {
        #[test]
        fn matches_by_definition(pattern in "[ab*?é]{0,7}", text in "[abé]{0,7}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), slowly(&chars(&pattern), &chars(&text)));
        }
    }
}

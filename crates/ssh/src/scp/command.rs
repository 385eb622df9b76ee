//! The command line that an scp client asks the server to run, such as `scp -r -p -t 'my files'`.

/// Which way the files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// `-t`: the client sends.
    FromClient,
    /// `-f`: the client receives.
    ToClient,
}

/// A word of a command line. Clients quote for a shell: what was quoted is meant as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Word {
    /// The word without its quotes.
    pub(crate) text: String,
    /// The byte offsets in `text` of `*` and `?` that were not quoted.
    pub(crate) wildcards: Vec<usize>,
}

/// An `scp` command as clients send it to servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Which way.
    pub(crate) direction: Direction,
    /// `-r`: directories too.
    pub(crate) recursive: bool,
    /// `-p`: with times and modes.
    pub(crate) preserve: bool,
    /// `-d`: the target must be a directory.
    pub(crate) into_directory: bool,
    /// What to send, or where to put it. At least one.
    pub(crate) paths: Vec<Word>,
}

impl Command {
    /// Reads a command line; none where it is not an `scp` that serves.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let words = split(std::str::from_utf8(line).ok()?)?;
        let mut words = words.into_iter();
        let program = words.next()?.text;
        if program.rsplit('/').next() != Some("scp") {
            return None;
        }
        let mut direction = None;
        let (mut recursive, mut preserve, mut into_directory) = (false, false, false);
        let mut paths = Vec::new();
        let mut options = true;
        for word in words {
            if options && word.text == "--" {
                options = false;
            } else if let Some(letters) = word
                .text
                .strip_prefix('-')
                .filter(|l| options && !l.is_empty())
            {
                for letter in letters.chars() {
                    match letter {
                        't' => direction = Some(Direction::FromClient),
                        'f' => direction = Some(Direction::ToClient),
                        'r' => recursive = true,
                        'p' => preserve = true,
                        'd' => into_directory = true,
                        // Verbosity and compression are the client's affair.
                        'v' | 'q' | 'C' | '1' | '2' | '4' | '6' => {}
                        _ => return None,
                    }
                }
            } else {
                options = false;
                paths.push(word);
            }
        }
        if paths.is_empty() {
            paths.push(Word {
                text: ".".to_owned(),
                wildcards: Vec::new(),
            });
        }
        Some(Self {
            direction: direction?,
            recursive,
            preserve,
            into_directory,
            paths,
        })
    }
}

/// Splits a command line into words as a POSIX shell does, without expanding anything. None where
/// a quote stays open.
fn split(line: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => quoted(&mut characters, word.get_or_insert_default(), '\'')?,
            '"' => quoted(&mut characters, word.get_or_insert_default(), '"')?,
            '\\' => word.get_or_insert_default().text.push(characters.next()?),
            _ => {
                let word = word.get_or_insert_default();
                if matches!(character, '*' | '?') {
                    word.wildcards.push(word.text.len());
                }
                word.text.push(character);
            }
        }
    }
    words.extend(word);
    Some(words)
}

/// Takes up to the closing quote. In double quotes a backslash escapes what a shell lets it.
fn quoted(characters: &mut std::str::Chars<'_>, word: &mut Word, quote: char) -> Option<()> {
    loop {
        match characters.next()? {
            character if character == quote => return Some(()),
            '\\' if quote == '"' => match characters.next()? {
                escaped @ ('"' | '\\' | '$' | '`') => word.text.push(escaped),
                other => word.text.extend(['\\', other]),
            },
            character => word.text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        split(line)
            .expect("closed quotes")
            .into_iter()
            .map(|word| word.text)
            .collect()
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        assert_eq!(texts("scp -t  a"), ["scp", "-t", "a"]);
        assert_eq!(
            texts(r#"scp -t 'a b' "c d" e\ f"#),
            ["scp", "-t", "a b", "c d", "e f"]
        );
        assert_eq!(texts(r#"scp -t "a\"b\n" ''"#), ["scp", "-t", "a\"b\\n", ""]);
        assert_eq!(texts("scp -t it\\'s'$HOME'"), ["scp", "-t", "it's$HOME"]);
        assert_eq!(split("scp 'a"), None);
        assert_eq!(split("scp a\\"), None);
    }

    #[test]
    fn options_and_paths_are_told_apart() {
        let command = Command::parse(b"scp -v -rp -d -t -- -odd").expect("a command");
        assert_eq!(command.direction, Direction::FromClient);
        assert!(command.recursive && command.preserve && command.into_directory);
        assert_eq!(command.paths[0].text, "-odd");
        let command = Command::parse(b"/usr/bin/scp -f a b").expect("a command");
        assert_eq!(
            (command.direction, command.paths.len()),
            (Direction::ToClient, 2)
        );
        assert_eq!(
            Command::parse(b"scp -t").map(|c| c.paths[0].text.clone()),
            Some(".".to_owned())
        );
    }

    #[test]
    fn quoted_wildcards_are_ordinary() {
        let command = Command::parse(b"scp -f *.c'*'?").expect("a command");
        assert_eq!(command.paths[0].text, "*.c*?");
        assert_eq!(command.paths[0].wildcards, [0, 4]);
    }

    #[test]
    fn other_commands_are_not_scp() {
        for line in [
            "",
            "ls",
            "scp",
            "scp a b",
            "scp -t 'x",
            "scp -S sh -t x",
            "rm -rf /",
            "scp; ls",
        ] {
            assert_eq!(Command::parse(line.as_bytes()), None, "{line}");
        }
        assert_eq!(Command::parse(b"scp -t \xff"), None);
    }
}

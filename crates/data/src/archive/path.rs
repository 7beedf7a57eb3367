//! Paths in archives: only those that mean the same new file on every system.

/// What is wrong with a path. Reads as the end of a sentence about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// Not UTF-8.
    #[error("is no text")]
    Text,
    /// Begins with `/`.
    #[error("is absolute")]
    Absolute,
    /// Has `..` in it.
    #[error("leads out of the archive")]
    Parent,
    /// Has an empty part or `.` in it.
    #[error("has an empty part")]
    Empty,
    /// Has a character that some system treats specially.
    #[error("holds a character that not all systems can have in file names")]
    Character,
    /// Ends a part with a dot or blank, which some systems drop.
    #[error("has a part that begins or ends with a blank, or ends with a dot")]
    Ending,
    /// Is the name of a device on some system, or of the list of digests.
    #[error("is a reserved name")]
    Reserved,
    /// Has too many parts.
    #[error("has too many parts")]
    Depth,
    /// Is too long.
    #[error("is too long")]
    Length,
}

const MAX_LEN: usize = 512;

/// The path as text without a slash at its end, which only a `folder` may have.
pub(super) fn check(bytes: &[u8], folder: bool, depth: usize) -> Result<String, PathProblem> {
    let text = std::str::from_utf8(bytes).map_err(|_| PathProblem::Text)?;
    // Archives made of `.` begin every path with it.
    let text = text.strip_prefix("./").unwrap_or(text);
    let text = if folder { text.strip_suffix('/').unwrap_or(text) } else { text };
    if text.len() > MAX_LEN {
        return Err(PathProblem::Length);
    }
    if text.starts_with('/') {
        return Err(PathProblem::Absolute);
    }
    let parts: Vec<&str> = text.split('/').collect();
    if parts.len() > depth {
        return Err(PathProblem::Depth);
    }
    parts.iter().try_for_each(|part| check_part(part))?;
    Ok(text.to_owned())
}

/// The same text for paths that some file system takes for the same, as far as letters' cases go.
pub(super) fn fold(path: &str) -> String {
    // Both ways: a long s has no lower case, and a sharp s becomes two letters.
    path.to_uppercase().to_lowercase()
}

fn check_part(part: &str) -> Result<(), PathProblem> {
    const SPECIAL: [char; 9] = ['\\', ':', '*', '?', '"', '<', '>', '|', '\0'];
    if part == ".." {
        return Err(PathProblem::Parent);
    }
    if part.is_empty() || part == "." {
        return Err(PathProblem::Empty);
    }
    if part.chars().any(|c| c.is_control() || SPECIAL.contains(&c)) {
        return Err(PathProblem::Character);
    }
    if part.ends_with('.') || part.starts_with(' ') || part.ends_with(' ') {
        return Err(PathProblem::Ending);
    }
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |name: &str| {
        let mut rest = stem.strip_prefix(name).unwrap_or_default().chars();
        matches!((rest.next(), rest.next()), (Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None))
    };
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || numbered("COM")
        || numbered("LPT")
    {
        return Err(PathProblem::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_mean_the_same_everywhere_pass() {
        let file = |path: &str| check(path.as_bytes(), false, 3);
        for (good, expected) in [("a", "a"), ("a/b.c", "a/b.c"), ("./a/.b", "a/.b"), ("comet/lpt", "comet/lpt")] {
            assert_eq!(file(good).as_deref(), Ok(expected));
        }
        assert_eq!(check(b"a/b/", true, 3).as_deref(), Ok("a/b"));
        let bad = [
            ("", PathProblem::Empty),
            ("/a", PathProblem::Absolute),
            ("../a", PathProblem::Parent),
            ("a/../b", PathProblem::Parent),
            ("a//b", PathProblem::Empty),
            ("a/./b", PathProblem::Empty),
            ("a/", PathProblem::Empty),
            ("a\\b", PathProblem::Character),
            ("C:a", PathProblem::Character),
            ("a\nb", PathProblem::Character),
            ("a.", PathProblem::Ending),
            ("a /b", PathProblem::Ending),
            ("nul.txt", PathProblem::Reserved),
            ("x/Com1", PathProblem::Reserved),
            ("a/b/c/d", PathProblem::Depth),
        ];
        for (path, problem) in bad {
            assert_eq!(file(path), Err(problem), "{path:?}");
        }
        assert_eq!(check(b"\xff", false, 3), Err(PathProblem::Text));
        assert_eq!(file(&"a".repeat(513)), Err(PathProblem::Length));
    }
}

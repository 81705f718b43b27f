//! Who may do what: bearer tokens, of which the file has only digests.
//!
//! ```text
//! # role name sha256-of-the-token
//! infer phones 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//! ```
//!
//! The file is read again when it changes. Without a file everybody who reaches the server may infer and observe, and nobody
//! is an admin.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Instant, SystemTime};

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::failure::{Failure, Kind};
use crate::lock;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Inference and metadata.
    Infer,
    /// Metrics and metadata.
    Observe,
    /// Everything, and the repository.
    Admin,
}

impl Role {
    /// As the file has it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Infer => "infer",
            Role::Observe => "observe",
            Role::Admin => "admin",
        }
    }
}

#[derive(Clone, Debug)]
struct Token {
    role: Role,
    name: Arc<str>,
    digest: [u8; 32],
}

/// The tokens, and how often each may ask.
#[derive(Debug)]
pub struct Tokens {
    file: Option<PathBuf>,
    seen: Mutex<Option<SystemTime>>,
    known: RwLock<Vec<Token>>,
    /// Requests a second of each name; none where there is no limit.
    rate: Option<f64>,
    buckets: Mutex<HashMap<Arc<str>, (f64, Instant)>>,
}

impl Tokens {
    /// Reads the file.
    pub fn new(file: Option<PathBuf>, rate: Option<f64>) -> Result<Self, String> {
        let tokens = Tokens { file, seen: Mutex::default(), known: RwLock::default(), rate, buckets: Mutex::default() };
        tokens.reload()?;
        Ok(tokens)
    }

    /// Whether there is a file: without it nobody is an admin.
    pub fn are_asked_for(&self) -> bool {
        self.file.is_some()
    }

    /// Reads the file again if it has changed. What was known stays where it cannot be read.
    pub fn reload(&self) -> Result<(), String> {
        let Some(file) = &self.file else { return Ok(()) };
        let failed = |error| format!("cannot read {}: {error}", file.display());
        let changed = fs::metadata(file).and_then(|metadata| metadata.modified()).map_err(failed)?;
        let mut seen = lock(&self.seen);
        if *seen == Some(changed) {
            return Ok(());
        }
        let tokens = parse(&fs::read_to_string(file).map_err(failed)?, file)?;
        tracing::info!(count = tokens.len(), "tokens read");
        *self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner) = tokens;
        *seen = Some(changed);
        Ok(())
    }

    /// The name of whoever sends this `Authorization`, if one of `roles` (or an admin) may do what is asked for.
    pub fn check(&self, authorization: Option<&str>, roles: &[Role]) -> Result<Arc<str>, Failure> {
        if self.file.is_none() {
            if roles == [Role::Admin] {
                let what =
                    "the repository is changed only with an admin's token: start the server with --tokens and --audit";
                return Err(Failure::new(Kind::Forbidden, what));
            }
            return self.limited("anyone".into());
        }
        let none = || Failure::new(Kind::Unauthorized, "a token is wanted: Authorization: Bearer TOKEN");
        let presented = authorization.and_then(|text| text.split_once(' ')).ok_or_else(none)?;
        if !presented.0.eq_ignore_ascii_case("bearer") {
            return Err(none());
        }
        let token = self.find(presented.1.trim());
        let token = token.ok_or_else(|| Failure::new(Kind::Unauthorized, "this token is not known"))?;
        if token.role != Role::Admin && !roles.contains(&token.role) {
            let wanted: Vec<&str> = roles.iter().map(|role| role.name()).collect();
            let has = token.role.name();
            let what = format!("the token's role is {has}, this wants {}", wanted.join(" or "));
            return Err(Failure::new(Kind::Forbidden, what));
        }
        self.limited(token.name)
    }

    /// Looks at every token, whichever it is: time tells nothing.
    fn find(&self, presented: &str) -> Option<Token> {
        let digest: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut found = u64::MAX;
        for (index, token) in known.iter().enumerate() {
            let is_it: Choice = token.digest.ct_eq(&digest);
            found = u64::conditional_select(&found, &(index as u64), is_it);
        }
        known.get(usize::try_from(found).ok()?).cloned()
    }

    /// A bucket that holds a second's requests, filled steadily.
    fn limited(&self, name: Arc<str>) -> Result<Arc<str>, Failure> {
        let Some(rate) = self.rate else { return Ok(name) };
        let mut buckets = lock(&self.buckets);
        let now = Instant::now();
        let (left, last) = buckets.entry(Arc::clone(&name)).or_insert((rate.max(1.0), now));
        *left = (*left + now.duration_since(*last).as_secs_f64() * rate).min(rate.max(1.0));
        *last = now;
        if *left < 1.0 {
            return Err(Failure::new(Kind::Busy, format!("{name} asks more than {rate} times a second")));
        }
        *left -= 1.0;
        Ok(name)
    }
}

fn parse(text: &str, file: &Path) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| format!("{}:{}: {what}", file.display(), index + 1);
        let mut words = line.split_whitespace();
        let (Some(role), Some(name), Some(digest), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(wrong("expected ROLE NAME DIGEST; `kinglet-serve token` writes such lines"));
        };
        let known = [Role::Infer, Role::Observe, Role::Admin].into_iter().find(|known| known.name() == role);
        let role = known.ok_or_else(|| wrong("the role is infer, observe or admin"))?;
        let digest = hex(digest).ok_or_else(|| wrong("the digest has 64 hexadecimal digits"))?;
        if tokens.iter().any(|token| token.name.as_ref() == name) {
            return Err(wrong("there is a token of this name already"));
        }
        tokens.push(Token { role, name: name.into(), digest });
    }
    Ok(tokens)
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// A new token, and its line for the file.
pub fn new_token(role: Role, name: &str) -> Result<(String, String), String> {
    let mut random = [0u8; 32];
    getrandom::fill(&mut random).map_err(|error| format!("no random numbers: {error}"))?;
    let token = shown(&random);
    let line = format!("{} {name} {}", role.name(), shown(&Sha256::digest(token.as_bytes())));
    Ok((token, line))
}

/// Hexadecimal digits.
pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_roles_and_limits_and_are_read_again() {
        let file = std::env::temp_dir().join(format!("kinglet-tokens-{}", std::process::id()));
        let (infer, line) = new_token(Role::Infer, "phones").unwrap();
        let (admin, admin_line) = new_token(Role::Admin, "boss").unwrap();
        fs::write(&file, format!("# tokens\n{line}\n")).unwrap();
        let tokens = Tokens::new(Some(file.clone()), Some(2.0)).unwrap();
        let bearer = |token: &str| format!("Bearer {token}");
        let kind =
            |token: &str, roles: &[Role]| tokens.check(Some(&bearer(token)), roles).map_err(|failure| failure.kind);
        assert_eq!(kind(&infer, &[Role::Infer]).as_deref(), Ok("phones"));
        assert_eq!(kind(&infer, &[Role::Admin]), Err(Kind::Forbidden));
        assert_eq!(kind(&admin, &[Role::Admin]), Err(Kind::Unauthorized));
        assert_eq!(tokens.check(None, &[Role::Infer]).map_err(|failure| failure.kind), Err(Kind::Unauthorized));
        assert_eq!(kind(&infer, &[Role::Infer]).as_deref(), Ok("phones"));
        assert_eq!(kind(&infer, &[Role::Infer]), Err(Kind::Busy));
        fs::write(&file, format!("{admin_line}\n")).unwrap();
        fs::File::options().append(true).open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        tokens.reload().unwrap();
        assert_eq!(kind(&admin, &[Role::Infer]).as_deref(), Ok("boss"));
        assert_eq!(kind(&infer, &[Role::Infer]), Err(Kind::Unauthorized));
        fs::write(&file, "king boss 00\n").unwrap();
        assert!(tokens.reload().unwrap_err().contains(":1: the role"));
        // What was known is still known.
        assert!(kind(&admin, &[Role::Infer]).is_ok());
        fs::remove_file(&file).unwrap();
        let open = Tokens::new(None, None).unwrap();
        assert!(open.check(None, &[Role::Infer]).is_ok());
        assert_eq!(open.check(None, &[Role::Admin]).map_err(|failure| failure.kind), Err(Kind::Forbidden));
    }
}

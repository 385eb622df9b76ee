//! The S3 actions that file operations ask for, and sets of them.

use std::fmt;

use crate::glob::{Glob, Token};

macro_rules! actions {
    ($($variant:ident)*) => {
        /// An S3 action that may be asked for here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum S3Action {
            $(#[doc = concat!("`s3:", stringify!($variant), "`.")] $variant,)*
        }

        impl S3Action {
            /// Every action, in the order of names.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name as AWS writes it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("s3:", stringify!($variant)),)*
                }
            }
        }
    };
}

actions! {
    AbortMultipartUpload
    DeleteObject
    DeleteObjectVersion
    GetBucketLocation
    GetObject
    GetObjectVersion
    ListAllMyBuckets
    ListBucket
    ListBucketMultipartUploads
    ListBucketVersions
    ListMultipartUploadParts
    PutObject
}

impl S3Action {
    /// Whether it is asked of an object; the others are asked of a bucket.
    pub fn is_of_objects(self) -> bool {
        !matches!(
            self,
            Self::GetBucketLocation
                | Self::ListAllMyBuckets
                | Self::ListBucket
                | Self::ListBucketMultipartUploads
                | Self::ListBucketVersions
        )
    }
}

impl fmt::Display for S3Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ActionSet(u16);

impl ActionSet {
    /// The actions that a pattern such as `s3:Get*` names, in any case.
    pub(crate) fn named(pattern: &str) -> Self {
        let glob = Glob::new(pattern.chars().map(|character| match character {
            '*' => Token::Any,
            '?' => Token::One,
            other => Token::Text(other.to_ascii_lowercase().to_string()),
        }));
        let named = |action: &&S3Action| glob.matches(&action.as_str().to_ascii_lowercase());
        let bits = S3Action::ALL
            .iter()
            .filter(named)
            .map(|action| bit(*action));
        Self(bits.fold(0, |all, bit| all | bit))
    }

    pub(crate) fn and_also(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn others(self) -> Self {
        let all = S3Action::ALL
            .iter()
            .fold(0, |all, action| all | bit(*action));
        Self(all & !self.0)
    }

    pub(crate) fn holds(self, action: S3Action) -> bool {
        self.0 & bit(action) != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn any(self, wanted: impl Fn(S3Action) -> bool) -> bool {
        S3Action::ALL
            .iter()
            .any(|action| self.holds(*action) && wanted(*action))
    }
}

const fn bit(action: S3Action) -> u16 {
    1 << action as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_actions_in_any_case() {
        let count = |pattern| {
            let set = ActionSet::named(pattern);
            S3Action::ALL.iter().filter(|a| set.holds(**a)).count()
        };
        assert_eq!(count("*"), S3Action::ALL.len());
        assert_eq!(count("S3:*"), S3Action::ALL.len());
        assert_eq!(count("s3:getobject"), 1);
        assert_eq!(count("s3:Get*"), 3);
        assert_eq!(count("s3:?etObject"), 1);
        assert_eq!(count("kms:*"), 0);
        assert_eq!(count("s3:GetObjects"), 0);
    }
}

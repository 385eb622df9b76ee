//! Condition operators as words: what they compare, how they are negated, and what they make of a
//! key that a request does not have.

use std::fmt;

use crate::condition_key::ConditionKey;

/// `[ForAnyValue:|ForAllValues:]name[IfExists]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) qualifier: Option<Qualifier>,
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    pub(crate) negated: bool,
    pub(crate) if_exists: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Qualifier {
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Text,
    TextIgnoringCase,
    TextLike,
    Arn,
    Address,
    Number(Order),
    Date(Order),
    Bool,
    Null,
}

/// How a request's value stands to the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Name, family, negated.
const NAMES: [(&str, Family, bool); 26] = [
    ("StringEquals", Family::Text, false),
    ("StringNotEquals", Family::Text, true),
    ("StringEqualsIgnoreCase", Family::TextIgnoringCase, false),
    ("StringNotEqualsIgnoreCase", Family::TextIgnoringCase, true),
    ("StringLike", Family::TextLike, false),
    ("StringNotLike", Family::TextLike, true),
    ("ArnEquals", Family::Arn, false),
    ("ArnNotEquals", Family::Arn, true),
    ("ArnLike", Family::Arn, false),
    ("ArnNotLike", Family::Arn, true),
    ("IpAddress", Family::Address, false),
    ("NotIpAddress", Family::Address, true),
    ("NumericEquals", Family::Number(Order::Equal), false),
    ("NumericNotEquals", Family::Number(Order::Equal), true),
    ("NumericLessThan", Family::Number(Order::Less), false),
    (
        "NumericLessThanEquals",
        Family::Number(Order::LessOrEqual),
        false,
    ),
    ("NumericGreaterThan", Family::Number(Order::Greater), false),
    (
        "NumericGreaterThanEquals",
        Family::Number(Order::GreaterOrEqual),
        false,
    ),
    ("DateEquals", Family::Date(Order::Equal), false),
    ("DateNotEquals", Family::Date(Order::Equal), true),
    ("DateLessThan", Family::Date(Order::Less), false),
    (
        "DateLessThanEquals",
        Family::Date(Order::LessOrEqual),
        false,
    ),
    ("DateGreaterThan", Family::Date(Order::Greater), false),
    (
        "DateGreaterThanEquals",
        Family::Date(Order::GreaterOrEqual),
        false,
    ),
    ("Bool", Family::Bool, false),
    ("Null", Family::Null, false),
];

impl Operator {
    /// Reads an operator as AWS writes it; another case is refused.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        let (qualifier, rest) = if let Some(rest) = word.strip_prefix("ForAnyValue:") {
            (Some(Qualifier::Any), rest)
        } else if let Some(rest) = word.strip_prefix("ForAllValues:") {
            (Some(Qualifier::All), rest)
        } else {
            (None, word)
        };
        let (rest, if_exists) = match rest.strip_suffix("IfExists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let names = NAMES.iter().map(|(name, ..)| *name);
        let Some((name, family, negated)) = NAMES.iter().find(|(name, ..)| *name == rest) else {
            let suggestion = crate::error::suggestion(rest, names);
            return Err(format!("unknown condition operator{suggestion}"));
        };
        if *family == Family::Null && (qualifier.is_some() || if_exists) {
            return Err("Null stands alone: it asks itself whether the key is there".to_owned());
        }
        Ok(Self {
            qualifier,
            name,
            family: *family,
            negated: *negated,
            if_exists,
        })
    }

    /// The answer for a key that the request does not have: no, but for negated operators and
    /// `...IfExists`; of no values, all do and none does.
    pub(crate) fn without_key(self) -> bool {
        match self.qualifier {
            Some(Qualifier::All) => true,
            Some(Qualifier::Any) => false,
            None => self.negated || self.if_exists,
        }
    }
}

impl Family {
    /// Whether a key holds what this compares. The error names what to use instead.
    pub(crate) fn check_key(self, key: ConditionKey) -> Result<(), String> {
        use ConditionKey as K;
        let (fits, instead) = match key {
            K::Prefix | K::Delimiter | K::Encryption | K::UserName => (self.is_text(), "String"),
            K::KmsKey => (self.is_text() || self == Self::Arn, "String or Arn"),
            K::MaxKeys => (matches!(self, Self::Number(_)), "Numeric"),
            K::SourceIp => (self == Self::Address, "IpAddress or NotIpAddress"),
            K::CurrentTime => (matches!(self, Self::Date(_)), "Date"),
            K::EpochTime => (
                matches!(self, Self::Date(_) | Self::Number(_)),
                "Numeric or Date",
            ),
            K::SecureTransport => (self == Self::Bool, "Bool"),
        };
        match fits || self == Self::Null {
            true => Ok(()),
            false => Err(format!(
                "this operator does not go with {key}; use one of {instead}, or Null"
            )),
        }
    }

    /// Whether values may hold variables.
    pub(crate) fn has_variables(self) -> bool {
        self.is_text() || self == Self::Arn
    }

    fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::TextIgnoringCase | Self::TextLike)
    }
}

impl Order {
    pub(crate) fn holds<T: PartialOrd>(self, actual: &T, wanted: &T) -> bool {
        match self {
            Self::Equal => actual == wanted,
            Self::Less => actual < wanted,
            Self::LessOrEqual => actual <= wanted,
            Self::Greater => actual > wanted,
            Self::GreaterOrEqual => actual >= wanted,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.qualifier {
            Some(Qualifier::Any) => "ForAnyValue:",
            Some(Qualifier::All) => "ForAllValues:",
            None => "",
        })?;
        f.write_str(self.name)?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_reads_back_what_it_prints() {
        for (name, family, _) in NAMES {
            for before in ["", "ForAnyValue:", "ForAllValues:"] {
                for after in ["", "IfExists"] {
                    let word = format!("{before}{name}{after}");
                    let read = Operator::parse(&word);
                    if family == Family::Null && word != "Null" {
                        assert!(read.is_err(), "{word}");
                    } else {
                        assert_eq!(read.unwrap().to_string(), word);
                    }
                }
            }
        }
    }

    #[test]
    fn other_words_are_refused() {
        for word in [
            "",
            "stringEquals",
            "StringMatches",
            "StringEqualsifexists",
            "ForAnyValue:",
            "ForSomeValues:StringEquals",
            "BinaryEquals",
            "NumericLike",
            "StringEquals ",
        ] {
            assert!(Operator::parse(word).is_err(), "{word}");
        }
        let told = Operator::parse("stringLike").unwrap_err();
        assert!(told.ends_with("did you mean StringLike?"), "{told}");
    }
}

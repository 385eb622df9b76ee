//! The session policy that keys of a role come with, as S3 goes by it: what it does not allow is
//! denied. An evaluator of its own, so that a gateway is not judged by itself. It knows what such
//! policies hold; whatever else they say allows nothing and denies everything.

use hyper::Request;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::operation::Operation;

/// What a request needs: an action on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Need {
    action: &'static str,
    resource: String,
}

/// What a request asks for, with what conditions look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    needs: Vec<Need>,
    prefix: Option<String>,
    delimiter: Option<String>,
}

impl Asked {
    pub(super) fn of<B>(request: &Request<B>, operation: &Operation) -> Self {
        let path = decoded(request.uri().path().trim_start_matches('/'));
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        let object = |action, bucket: &str, key: &str| Need {
            action,
            resource: format!("arn:aws:s3:::{bucket}/{key}"),
        };
        let on_key = |action| vec![object(action, bucket, key)];
        let needs = match operation.name {
            "GetObject" | "HeadObject" => on_key("s3:GetObject"),
            "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
                on_key("s3:PutObject")
            }
            "CopyObject" | "UploadPartCopy" => {
                let (from, source) = copied(request).unwrap_or_default();
                vec![
                    object("s3:GetObject", &from, &source),
                    object("s3:PutObject", bucket, key),
                ]
            }
            "DeleteObject" => on_key("s3:DeleteObject"),
            "AbortMultipartUpload" => on_key("s3:AbortMultipartUpload"),
            "ListParts" => on_key("s3:ListMultipartUploadParts"),
            "ListObjectsV2" => vec![Need {
                action: "s3:ListBucket",
                resource: format!("arn:aws:s3:::{bucket}"),
            }],
            _ => on_key("s3:SomethingElse"),
        };
        Self {
            needs,
            prefix: parameter(request, "prefix"),
            delimiter: parameter(request, "delimiter"),
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        match key.to_ascii_lowercase().as_str() {
            // A listing without one begins at the beginning.
            "s3:prefix" => Some(self.prefix.as_deref().unwrap_or_default()),
            "s3:delimiter" => self.delimiter.as_deref(),
            _ => None,
        }
    }
}

/// Whether `policy`, a document as STS was told it, allows all that is asked for.
pub(super) fn allows(policy: &str, asked: &Asked) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(policy) else {
        return false;
    };
    let statements = match &document["Statement"] {
        Value::Array(statements) => statements.iter().collect(),
        one @ Value::Object(_) => vec![one],
        _ => Vec::new(),
    };
    asked.needs.iter().all(|need| {
        let about = |effect: &str, if_unknown| {
            let mut statements = statements.iter();
            statements.any(|statement| {
                statement["Effect"] == effect
                    && concerns(statement, need, asked).unwrap_or(if_unknown)
            })
        };
        about("Allow", false) && !about("Deny", true)
    })
}

/// Whether a statement speaks of this; none where it says what is not known here.
fn concerns(statement: &Value, need: &Need, asked: &Asked) -> Option<bool> {
    let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
    let members = statement.as_object()?;
    if members.keys().any(|name| !known.contains(&name.as_str())) {
        return None;
    }
    let action = need.action.to_ascii_lowercase();
    let actions = texts(&statement["Action"])?;
    let resources = texts(&statement["Resource"])?;
    let named = actions
        .iter()
        .any(|it| fits(&it.to_ascii_lowercase(), &action))
        && resources.iter().any(|it| fits(it, &need.resource));
    Some(named && holds(&statement["Condition"], asked)?)
}

fn holds(condition: &Value, asked: &Asked) -> Option<bool> {
    let Some(operators) = condition.as_object() else {
        return condition.is_null().then_some(true);
    };
    let mut all = true;
    for (operator, keys) in operators {
        for (key, wanted) in keys.as_object()? {
            let (wanted, value) = (texts(wanted)?, asked.value(key));
            let is = |fits: fn(&str, &str) -> bool| {
                value.is_some_and(|value| wanted.iter().any(|wanted| fits(wanted, value)))
            };
            all &= match operator.as_str() {
                "StringLike" => is(fits),
                "StringEquals" => is(str::eq),
                "StringNotLike" => !is(fits),
                "StringNotEquals" => !is(str::eq),
                _ => return None,
            };
        }
    }
    Some(all)
}

/// A text, or a list of them.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(texts) => texts.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// `*` stands for anything, `?` for one character, `${*}` and its like for the sign itself.
fn fits(pattern: &str, text: &str) -> bool {
    for sign in ["*", "?", "$"] {
        if let Some(rest) = pattern.strip_prefix(&format!("${{{sign}}}")) {
            return text.strip_prefix(sign).is_some_and(|text| fits(rest, text));
        }
    }
    let mut characters = pattern.chars();
    let Some(first) = characters.next() else {
        return text.is_empty();
    };
    let rest = characters.as_str();
    let mut behind = text.chars();
    let next = behind.next();
    match first {
        '*' => fits(rest, text) || next.is_some() && fits(pattern, behind.as_str()),
        '?' => next.is_some() && fits(rest, behind.as_str()),
        plain => next == Some(plain) && fits(rest, behind.as_str()),
    }
}

/// Bucket and key of what is copied.
fn copied<B>(request: &Request<B>) -> Option<(String, String)> {
    let header = request.headers().get("x-amz-copy-source")?.to_str().ok()?;
    let header = header.split("?versionId=").next()?;
    let source = decoded(header.trim_start_matches('/'));
    let (bucket, key) = source.split_once('/')?;
    Some((bucket.to_owned(), key.to_owned()))
}

fn parameter<B>(request: &Request<B>, name: &str) -> Option<String> {
    let pairs = request.uri().query()?.split('&');
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    Some(decoded(&value.replace('+', " ")))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::inbox",
         "Condition":{"StringLike":{"s3:prefix":["a/*","a"]}}},
        {"Effect":"Allow","Action":["s3:Get*","s3:PutObject"],"Resource":"arn:aws:s3:::inbox/a/*"},
        {"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::inbox/a/x${*}*"}]}"#;

    fn may(method: &str, uri: &str, source: Option<&str>) -> bool {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(source) = source {
            request = request.header("x-amz-copy-source", source);
        }
        let request = request.body(()).unwrap();
        allows(POLICY, &Asked::of(&request, &Operation::of(&request)))
    }

    #[test]
    fn what_is_not_allowed_is_denied() {
        assert!(may("GET", "/inbox/a/b%20c", None));
        assert!(may("PUT", "/inbox/a/b?partNumber=1&uploadId=2", None));
        assert!(!may("DELETE", "/inbox/a/b", None), "no action");
        assert!(!may("GET", "/inbox/ab/c", None), "no resource");
        assert!(!may("GET", "/archive/a/b", None));
        assert!(!may("GET", "/inbox/a/x*y", None), "denied");
        assert!(may("GET", "/inbox/a/xy", None), "a star alone is denied");
        assert!(may("PUT", "/inbox/a/b", Some("inbox/a/c")));
        assert!(!may("PUT", "/inbox/a/b", Some("inbox/c")), "no source");
        assert!(!may("PUT", "/inbox/b", Some("inbox/a/c")), "no target");
        assert!(may("GET", "/inbox?list-type=2&prefix=a%2Fb", None));
        assert!(!may("GET", "/inbox?list-type=2&prefix=b", None));
        assert!(!may("GET", "/inbox?list-type=2", None));
    }

    #[test]
    fn what_is_not_understood_allows_nothing_and_denies_everything() {
        let asked = |policy: &str| {
            let request = Request::builder().uri("/inbox/a").body(()).unwrap();
            allows(policy, &Asked::of(&request, &Operation::of(&request)))
        };
        let statement = |text: &str| {
            let all = r#""Action":"*","Resource":"*""#;
            format!(r#"{{"Statement":[{{"Effect":"Allow",{all}}},{{{text},{all}}}]}}"#)
        };
        assert!(asked(&statement(r#""Effect":"Allow""#)));
        let strange = r#""Effect":"Deny","Condition":{"Bool":{"aws:SecureTransport":"true"}}"#;
        assert!(!asked(&statement(strange)));
        assert!(!asked(&statement(r#""Effect":"Deny","Principal":"*""#)));
        assert!(!asked("{}") && !asked("no JSON"));
    }
}

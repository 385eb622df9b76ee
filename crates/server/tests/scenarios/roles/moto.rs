//! The same against moto, whose IAM asks what the gateway's user and the role may do. It takes no notice
//! of session policies and of external ids.

use std::process::Command;

use bytes::Bytes;
use sftp::{Status, StatusCode};
use testkit::client::Stop;

use super::{POLICY, with_role};
use crate::world::{World, aside, started};

/// The gateway's own user, and a role that trusts nobody without the external id and may not write
/// everywhere; then moto asks everybody for his rights. Prints the gateway's key pair.
const FILL: &str = r"
import json, sys, urllib.request, boto3
endpoint, account = sys.argv[1], '123456789012'
def policy(*statements):
    return json.dumps({'Version': '2012-10-17', 'Statement': list(statements)})
iam = boto3.client('iam', endpoint_url=endpoint, region_name='us-east-1',
                   aws_access_key_id='testing', aws_secret_access_key='testing')
iam.create_user(UserName='pierhead')
iam.put_user_policy(UserName='pierhead', PolicyName='all', PolicyDocument=policy(
    {'Effect': 'Allow', 'Action': ['s3:*', 'sts:AssumeRole'], 'Resource': '*'}))
iam.create_role(RoleName='partners', AssumeRolePolicyDocument=policy(
    {'Effect': 'Allow', 'Action': 'sts:AssumeRole',
     'Principal': {'AWS': 'arn:aws:iam::%s:user/pierhead' % account},
     'Condition': {'StringEquals': {'sts:ExternalId': 'pier-1'}}}))
iam.put_role_policy(RoleName='partners', PolicyName='some', PolicyDocument=policy(
    {'Effect': 'Allow', 'Action': ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
     'Resource': 'arn:aws:s3:::inbox/partner/*'},
    {'Effect': 'Allow', 'Action': 's3:ListBucket', 'Resource': 'arn:aws:s3:::inbox'},
    {'Effect': 'Deny', 'Action': 's3:PutObject', 'Resource': 'arn:aws:s3:::inbox/partner/closed*'}))
key = iam.create_access_key(UserName='pierhead')['AccessKey']
plain = {'Content-Type': 'text/plain'}
urllib.request.urlopen(urllib.request.Request(endpoint + '/moto-api/reset-auth', b'0', plain))
print(key['AccessKeyId'], key['SecretAccessKey'])
";

/// What moto's IAM denies the role is denied, though the gateway's own policy and credentials
/// would do it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, see `cargo xtask test`"]
async fn what_the_iam_role_may_not_do_is_denied() {
    let world = World::with_moto().await;
    let (python, endpoint) = (world.moto().python(), world.moto().endpoint());
    let filled = aside(move || {
        let mut fill = Command::new(python);
        fill.args(["-c", FILL, &endpoint])
            .output()
            .expect("it runs")
    });
    let filled = filled.await;
    assert!(filled.status.success(), "{filled:?}");
    let keys = String::from_utf8(filled.stdout).expect("text");
    let (id, secret) = keys.trim().split_once(' ').expect("a key pair");
    let node = world.moto_node(id, secret);
    let file = world.folder().join("policy.json");
    std::fs::write(&file, POLICY).expect("written");
    let iam_role = "arn:aws:iam::123456789012:role/partners";
    let node = with_role(node, file.to_str().expect("UTF-8").to_owned(), iam_role);
    let node = started(node.await).await;
    let mut session = world.session(node.address()).await;
    let content = Bytes::from_static(b"content");
    session.put("open", &content).await.expect("put");
    let large = Bytes::from(vec![7; 12 << 20]);
    session.put("large", &large).await.expect("put");
    assert_eq!(session.get("open").await.expect("read").concat(), content);
    session
        .rename("open", "other", false)
        .await
        .expect("renamed");
    assert_eq!(session.names("").await.expect("listed").len(), 2);
    session
        .put("late.filepart", &content)
        .await
        .expect("staged by the gateway");
    for (outcome, what) in [
        (session.put("closed", &content).await, "a small file"),
        (session.put("closed-large", &large).await, "a large file"),
        (session.rename("other", "closed", false).await, "a copy"),
        (
            session.rename("late.filepart", "closed", false).await,
            "a late name",
        ),
    ] {
        let refused = outcome.expect_err(what);
        let denied = |status: &Status| status.code == StatusCode::PermissionDenied;
        let is_denied = matches!(&refused, Stop::Refused(status) if denied(status));
        assert!(is_denied, "{what}: {refused:?}");
    }
    session
        .rename("late.filepart", "late", false)
        .await
        .expect("there it may");
    session.remove("late").await.expect("removed");
    assert_eq!(session.names("").await.expect("listed").len(), 2);
}

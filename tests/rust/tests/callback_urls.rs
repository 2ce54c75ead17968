//! `tests/vectors/callback_urls.json` against the contract itself: which addresses a gateway may be told to call.

use cxone_actions::contract::{ActionRequest, Contract, ContractRules};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    callback_hosts: Vec<String>,
    /// Of the violations, in this order; none where the URL is sent as it stands.
    codes: Vec<String>,
    urls: Vec<String>,
}

#[test]
fn a_callback_url_in_any_spelling_is_sent_as_it_stands_or_refused_as_the_vectors_promise() {
    let vectors: Vectors = serde_json::from_str(include_str!("../../vectors/callback_urls.json")).unwrap();
    let mut failures = Vec::new();
    let mut count = 0;
    for case in vectors.cases {
        let rules = ContractRules { callback_hosts: case.callback_hosts.clone(), ..ContractRules::default() };
        let contract = Contract::new(rules).unwrap();
        for url in case.urls {
            count += 1;
            let request = ActionRequest::new("a1b2c3d4-e5f6-7890-abcd-ef1234567890").callback_url(&url);
            let codes = match contract.prepare(request) {
                Ok(prepared) => {
                    let body: serde_json::Value = serde_json::from_slice(&prepared.body).unwrap();
                    assert_eq!(body["callbackUrl"], url, "it is sent as it stands");
                    Vec::new()
                }
                Err(refused) => {
                    assert!(refused.violations.iter().all(|it| it.path == "/callbackUrl"), "{url:?}");
                    refused.violations.into_iter().map(|it| it.code).collect()
                }
            };
            if codes != case.codes {
                failures.push(format!("{}: {url:?} is {codes:?}, not {:?}", case.name, case.codes));
            }
        }
    }
    assert!(count > 400, "only {count} URLs");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

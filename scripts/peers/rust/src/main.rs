//! reqwest-retry as its README sets it up, and the pipeline of the Azure SDK for Rust with its default options.

use azure_core::Bytes;
use azure_core::http::headers::{AUTHORIZATION, CONTENT_TYPE};
use azure_core::http::{ClientOptions, Context, Method, Pipeline, Request};
use reqwest_middleware::ClientBuilder;
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use serde_json::json;

const BODY: &str = r#"{"inputs":{"customerId":"canary-input"}}"#;

enum Peer {
    Reqwest(reqwest_middleware::ClientWithMiddleware),
    Azure(Pipeline),
}

impl Peer {
    fn new(name: &str) -> Peer {
        if name == "azure" {
            let options = ClientOptions::default();
            return Peer::Azure(Pipeline::new(
                Some("peer"),
                Some("0"),
                options,
                Vec::new(),
                Vec::new(),
                None,
            ));
        }
        let policy = ExponentialBackoff::builder().build_with_max_retries(3);
        let retry = RetryTransientMiddleware::new_with_policy(policy);
        Peer::Reqwest(ClientBuilder::new(reqwest::Client::new()).with(retry).build())
    }

    async fn invoke(&self, url: &str) -> Result<(), String> {
        match self {
            Peer::Reqwest(client) => {
                let request = client
                    .post(url)
                    .header("Content-Type", "application/json")
                    .header("Authorization", "Bearer canary-token")
                    .body(BODY);
                let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
                let answer = answer.error_for_status().map_err(|error| format!("{error:?}"))?;
                answer.bytes().await.map_err(|error| format!("{error:?}"))?;
            }
            Peer::Azure(pipeline) => {
                let url = url.parse().map_err(|error| format!("{error:?}"))?;
                let mut request = Request::new(url, Method::Post);
                request.insert_header(CONTENT_TYPE, "application/json");
                request.insert_header(AUTHORIZATION, "Bearer canary-token");
                request.set_body(Bytes::from_static(BODY.as_bytes()));
                let answer = pipeline.send(&Context::new(), &mut request, None).await;
                let answer = answer.map_err(|error| format!("{error:?}"))?;
                if !answer.status().is_success() {
                    return Err(format!("answered {}", answer.status()));
                }
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() {
    let mut words = std::env::args().skip(1);
    let [peer, base, operation] = std::array::from_fn(|_| words.next().unwrap_or_default());
    let times = match operation.as_str() {
        "invoke" => 1,
        "twice" => 2,
        _ => return println!("{}", json!({ "skip": true })),
    };
    let url = format!("{base}/api/v2/integrations/actions/invocations");
    let client = Peer::new(&peer);
    for _ in 0..times {
        if let Err(text) = client.invoke(&url).await {
            return println!("{}", json!({ "ok": false, "text": text }));
        }
    }
    println!("{}", json!({ "ok": true }));
}

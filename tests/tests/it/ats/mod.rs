//! Traffic Server: recordings, scenarios, running servers, HTTP.

mod cases;
mod compare;
mod http;
mod http_scenarios;
mod net_scenarios;
mod net_vc_test;
mod outcome;
mod port;
mod record;
mod recordings;
mod scenario_any;
mod scenario_text;
mod scenarios;
mod story;

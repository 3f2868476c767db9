// Where a request may go, who may send it there, and which fields go along.
#include <gtest/gtest.h>

#include "base/sha256.h"

#include "gateway/credentials.h"
#include "gateway/fields.h"
#include "gateway/settings.h"
#include "gateway/target.h"
#include "gateway/trace_context.h"
#include "guard/guard_test_support.h"

namespace sightglass::gateway {
namespace {

// ---- paths --------------------------------------------------------------------------------------

TEST(Target, RefusesEveryWayOutOfTheProvidersPath) {
  for (const auto* path : {"..", "a/../b", "a/./b", "a//b", "a%2fb", "a%2Fb", "a%5cb", "a\\b",
                           "a@b", "%2e%2e/b", "a%00", "a%252fb", "a b", "a%2", "a#b", "\x01"}) {
    EXPECT_FALSE(is_plain_path(path)) << path;
  }
  for (const auto* path :
       {"", "v1/files", "/v1/files", "files/", "models/gemini-2.5-pro:generateContent",
        "files/file-abc_1.2~x", "a%20b"}) {
    EXPECT_TRUE(is_plain_path(path)) << path;
  }
}

TEST(Target, NamesTheVersionOnce) {
  EXPECT_EQ(join_target("/v1", "/chat/completions"), "/v1/chat/completions");
  EXPECT_EQ(join_target("/v1", "v1/files"), "/v1/files");
  EXPECT_EQ(join_target("/v1/", "/v1"), "/v1/");
  EXPECT_EQ(join_target("/api/v1", "v1/x"), "/api/v1/x");
  EXPECT_EQ(join_target("", "v1beta/models"), "/v1beta/models");
  EXPECT_EQ(join_target("/v1", "v1beta/models"), "/v1/v1beta/models");
  EXPECT_EQ(without_version("/v1/messages"), "/messages");
  EXPECT_EQ(without_version("v1beta/models/m"), "/models/m");
  EXPECT_EQ(without_version("/files"), "/files");
}

TEST(Target, TakesOneParameterOutOfAQuery) {
  EXPECT_EQ(query_without("key=s&alt=sse", "key"), "alt=sse");
  EXPECT_EQ(query_without("alt=sse&key=s", "key"), "alt=sse");
  EXPECT_EQ(query_without("key", "key"), "");
  EXPECT_EQ(query_without("keys=1&", "key"), "keys=1");
}

// ---- traces -------------------------------------------------------------------------------------

TEST(TraceContext, GoesOnWithAValidTraceUnderASpanOfItsOwn) {
  SeededRandom random(1);
  TraceContext trace;
  trace.begin("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", random);
  EXPECT_TRUE(trace.continued);
  EXPECT_EQ(trace.trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_NE(trace.span_id, "b7ad6b7169203331");
  EXPECT_EQ(trace.header().size(), 55u);
  trace.begin("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", random);
  EXPECT_TRUE(trace.continued);
}

TEST(TraceContext, TakesAMalformedTraceForNone) {
  SeededRandom random(1);
  for (const auto* header : {"", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                             "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                             "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                             "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"}) {
    TraceContext trace;
    trace.begin(header, random);
    EXPECT_FALSE(trace.continued) << header;
    EXPECT_EQ(trace.trace_id.size(), 32u);
  }
}

// ---- settings -----------------------------------------------------------------------------------

Result<std::shared_ptr<const Settings>> make(Config config) {
  guard::TestRing ring;
  return Settings::make(std::move(config), price::PriceBook::built_in(), ring.keys());
}
std::shared_ptr<const Settings> settings(Config config) {
  auto made = make(std::move(config));
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}
ProviderConfig provider(std::string id, ProviderKind kind, std::string url) {
  ProviderConfig out;
  out.id = std::move(id);
  out.kind = kind;
  out.base_url = std::move(url);
  return out;
}
std::string error_of(Config config) {
  const auto made = make(std::move(config));
  return made ? "" : made.error().message;
}

Config several() {
  Config config;
  config.providers = {provider("openai", ProviderKind::kOpenAi, "https://api.openai.com/v1"),
                      provider("anthropic", ProviderKind::kAnthropic, "https://api.anthropic.com"),
                      provider("local", ProviderKind::kOther, "http://127.0.0.1:11434/v1")};
  config.providers[2].models = {"llama"};
  config.model_aliases = {
      {"fast", "openai:gpt-4o-mini"}, {"smart", "claude-opus-5"}, {"odd", "x/y:free"}};
  return config;
}

TEST(Settings, KnowTheTwoProvidersWithoutConfiguration) {
  const auto s = settings({});
  ASSERT_NE(s->provider("openai"), nullptr);
  EXPECT_EQ(s->provider("openai")->path, "/v1");
  EXPECT_EQ(s->provider("anthropic")->origin.authority, "api.anthropic.com");
  EXPECT_EQ(s->provider("anthropic")->path, "/v1");
  EXPECT_EQ(s->provider("nobody"), nullptr);
}

TEST(Settings, RouteByPrefixThenAliasThenModelListThenDialect) {
  const auto s = settings(several());
  const auto to = [&](std::string_view model, Protocol protocol = Protocol::kOpenAi) {
    const auto d = s->route(model, protocol);
    return d.provider->id + " " + std::string(d.model);
  };
  EXPECT_EQ(to("anthropic:claude-opus-5"), "anthropic claude-opus-5");
  EXPECT_EQ(to("openai:ft:gpt-4o:org"), "openai ft:gpt-4o:org");
  EXPECT_EQ(to("ft:gpt-4o:org"), "openai ft:gpt-4o:org");
  EXPECT_EQ(to("fast"), "openai gpt-4o-mini");
  EXPECT_EQ(to("smart", Protocol::kAnthropic), "anthropic claude-opus-5");
  EXPECT_EQ(to("odd"), "openai x/y:free");
  EXPECT_EQ(to("llama"), "local llama");
  EXPECT_EQ(to("whatever", Protocol::kAnthropic), "anthropic whatever");
  EXPECT_EQ(to(""), "openai ");
  EXPECT_EQ(s->route("openai:", Protocol::kOpenAi).error, ErrorType::kCallerModelUnknown);
}

TEST(Settings, SayWhatIsWrongWithTheConfiguration) {
  auto twice = several();
  twice.providers.push_back(twice.providers[0]);
  EXPECT_EQ(error_of(twice), "provider \"openai\" is there twice");
  auto url = several();
  url.providers[0].base_url = "api.openai.com";
  EXPECT_TRUE(error_of(url).starts_with("provider \"openai\": ")) << error_of(url);
  Config shorty;
  shorty.clients.push_back({.id = "a", .key = "short"});
  EXPECT_EQ(error_of(shorty), "client \"a\": a key has at least 20 characters");
  Config same;
  same.clients.push_back({.id = "a", .key = "sg_0123456789abcdef0123"});
  same.clients.push_back({.id = "b", .key = "sg_0123456789abcdef0123"});
  EXPECT_EQ(error_of(same), "two clients have the same key");
}

// ---- credentials --------------------------------------------------------------------------------

net::RequestHead with(std::initializer_list<net::Header> fields, std::string_view query = "") {
  net::RequestHead head;
  head.headers.all = fields;
  head.query = query;
  return head;
}

TEST(Credentials, TakeAProvidersOwnKeyOnlyInItsForm) {
  const auto s = settings(several());
  const auto admitted = [&](std::string_view id, std::string_view token) {
    const Credentials credentials{nullptr, token, KeyField::kAuthorization};
    return admits(*s, *s->provider(id), credentials, Listener::kLoopback);
  };
  EXPECT_TRUE(admitted("openai", "sk-proj-abc"));
  EXPECT_FALSE(admitted("openai", "sk-ant-abc"));
  EXPECT_FALSE(admitted("openai", "eyJhbGciOi.x.y"));
  EXPECT_TRUE(admitted("anthropic", "sk-ant-abc"));
  EXPECT_FALSE(admitted("anthropic", "sk-abc"));
  EXPECT_TRUE(admitted("local", "anything"));
  EXPECT_FALSE(admitted("local", "bad\r\nX: y"));
  EXPECT_FALSE(admitted("local", ""));
}

TEST(Credentials, PassThroughEndsAtTheLoopbackAndWithTheFirstClient) {
  auto config = several();
  const Credentials own{nullptr, "sk-own", KeyField::kAuthorization};
  const auto open = settings(config);
  EXPECT_TRUE(may_enter(*open, own, Listener::kLoopback));
  EXPECT_FALSE(may_enter(*open, own, Listener::kElsewhere));
  config.clients.push_back({.id = "a", .key = "sg_0123456789abcdef0123"});
  EXPECT_FALSE(may_enter(*settings(config), own, Listener::kLoopback));
  config.providers[0].pass_through = PassThrough::kOn;
  const auto mixed = settings(config);
  EXPECT_TRUE(admits(*mixed, *mixed->provider("openai"), own, Listener::kElsewhere));
  EXPECT_FALSE(admits(*mixed, *mixed->provider("local"), own, Listener::kElsewhere));
  config.pass_through = PassThrough::kOff;
  config.providers[0].pass_through.reset();
  EXPECT_FALSE(may_enter(*settings(config), own, Listener::kLoopback));
}

TEST(Credentials, FindAClientInAnyFieldAndByHashToo) {
  Config config;
  ClientConfig hashed;
  hashed.id = "hashed";
  hashed.key_sha256 = sha256_hex("my-own-chosen-long-key");
  config.clients = {hashed};
  const auto s = settings(config);
  const auto client = [&](const net::RequestHead& head) {
    const auto found = find_credentials(*s, head);
    return found.client == nullptr ? "" : found.client->id;
  };
  EXPECT_EQ(client(with({{"Authorization", "bearer my-own-chosen-long-key"}})), "hashed");
  EXPECT_EQ(client(with({{"x-api-key", "my-own-chosen-long-key"}})), "hashed");
  EXPECT_EQ(client(with({{"Authorization", "Bearer sk-x"}, {"api-key", "my-own-chosen-long-key"}})),
            "hashed");
  EXPECT_EQ(client(with({}, "alt=sse&key=my-own-chosen-long-key")), "hashed");
  EXPECT_EQ(client(with({{"Authorization", "Basic my-own-chosen-long-key"}})), "");
  EXPECT_EQ(find_credentials(*s, with({{"x-api-key", "sg_unknown"}})).token, "");
  EXPECT_EQ(find_credentials(*s, with({{"x-api-key", "sk-other"}})).token, "sk-other");
}

// ---- fields -------------------------------------------------------------------------------------

TEST(Fields, PassByListAlone) {
  for (const auto* name : {"Content-Type", "OpenAI-Beta", "anthropic-beta", "X-Stainless-Lang",
                           "accept", "Idempotency-Key", "tracestate", "x-goog-user-project"}) {
    EXPECT_TRUE(passes_upstream(name, ProviderKind::kOther)) << name;
  }
  for (const auto* name :
       {"Authorization", "x-api-key", "x-goog-api-key", "Cookie", "Host", "Connection", "Forwarded",
        "X-Forwarded-For", "x-user-id", "Accept-Encoding", "Content-Length", "Origin", "x-foo",
        "baggage", "anthropic-api-key"}) {
    EXPECT_FALSE(passes_upstream(name, ProviderKind::kOther)) << name;
  }
  // S3-R03: each provider gets the fields of its own family.
  EXPECT_TRUE(passes_upstream("OpenAI-Beta", ProviderKind::kOpenAi));
  EXPECT_FALSE(passes_upstream("OpenAI-Beta", ProviderKind::kAnthropic));
  EXPECT_TRUE(passes_upstream("anthropic-beta", ProviderKind::kAnthropic));
  EXPECT_FALSE(passes_upstream("anthropic-beta", ProviderKind::kOpenAi));
  for (const auto kind : {ProviderKind::kOpenAi, ProviderKind::kAnthropic}) {
    EXPECT_TRUE(passes_upstream("x-stainless-os", kind));
    EXPECT_FALSE(passes_upstream("x-title", kind));
  }
  EXPECT_TRUE(passes_downstream("x-ratelimit-remaining-tokens"));
  for (const auto* name : {"Set-Cookie", "Content-Length", "Transfer-Encoding", "Location",
                           "Access-Control-Allow-Origin", "Strict-Transport-Security", "Alt-Svc"}) {
    EXPECT_FALSE(passes_downstream(name)) << name;
  }
}

TEST(Fields, OfferGzipUpstreamOnlyWhereTheClientDid) {
  const auto s = settings(several());
  const auto offered = [&](std::string_view accept) {
    const auto from = with({{"Accept-Encoding", accept}});
    UpstreamHead head;
    head.method = "GET";
    head.target = "/";
    head.provider = s->provider("openai");
    std::string out;
    StrippedCounts stripped{};
    write_upstream_head(from, head, "", stripped, out);
    return out.find("Accept-Encoding: gzip\r\n") != std::string::npos;
  };
  EXPECT_TRUE(offered("gzip"));
  EXPECT_TRUE(offered("br;q=1.0, GZIP ;q=0.5"));
  EXPECT_FALSE(offered("br, zstd"));
  EXPECT_FALSE(offered("gzip;q=0"));
  EXPECT_FALSE(offered(""));
}

TEST(Fields, NamedByConnectionStayBehind) {
  const auto s = settings(several());
  const auto from =
      with({{"Connection", "close, openai-beta"}, {"OpenAI-Beta", "x"}, {"x-odd", "1"}});
  UpstreamHead head;
  head.method = "GET";
  head.target = "/";
  head.provider = s->provider("openai");
  std::string out;
  StrippedCounts stripped{};
  write_upstream_head(from, head, "", stripped, out);
  EXPECT_EQ(stripped, (StrippedCounts{1, 0, 0}));  // x-odd
  EXPECT_EQ(out.find("OpenAI-Beta"), std::string::npos);
}

}  // namespace
}  // namespace sightglass::gateway

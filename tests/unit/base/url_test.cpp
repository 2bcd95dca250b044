#include "waybill/base/url.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace waybill {
namespace {

std::string normal(std::string_view text) {
  const Result<Url> url = parse_base_url(text);
  return url ? url->to_string() : "";
}

TEST(BaseUrl, IsReducedToOneSpelling) {
  EXPECT_EQ(normal("https://API.OpenAI.com/v1"), "https://api.openai.com/v1");
  EXPECT_EQ(normal("HTTPS://api.openai.com:443/v1/"), "https://api.openai.com/v1");
  EXPECT_EQ(normal("http://127.0.0.1:11434/v1"), "http://127.0.0.1:11434/v1");
  EXPECT_EQ(normal("http://[::1]:8080"), "http://[::1]:8080");
  EXPECT_EQ(normal("http://[FE80::1]/"), "http://[fe80::1]");
  EXPECT_EQ(normal("http://ollama_1:80//"), "http://ollama_1");
  EXPECT_EQ(normal("https://h/a%2Fb/c:d@e"), "https://h/a%2Fb/c:d@e");
}

TEST(BaseUrl, GivesWhatAConnectionNeeds) {
  const Result<Url> url = parse_base_url("https://Example.org:8443/openai/v1/");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, UrlScheme::Https);
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path, "/openai/v1");
  EXPECT_EQ(url->authority(), "example.org:8443");
  EXPECT_EQ(parse_base_url("http://h")->port, 80);
  EXPECT_EQ(parse_base_url("https://h")->port, 443);
  EXPECT_EQ(parse_base_url("http://[::1]")->host, "::1");
}

TEST(BaseUrl, RefusesWhatCouldBeReadTwoWays) {
  const std::vector<std::string> bad{"",
                                     "example.org",
                                     "ftp://h",
                                     "file:///etc/passwd",
                                     "https:/h",
                                     "https://",
                                     "https:///v1",
                                     "https://user@h",
                                     "https://user:pw@h/v1",
                                     "https://h?x=1",
                                     "https://h/v1#f",
                                     "https://h#@x",
                                     "https://h:0",
                                     "https://h:65536",
                                     "https://h:",
                                     "https://h:+80",
                                     "https://h:080000",
                                     "https://h h/",
                                     "https://h\\@x/",
                                     "https://h/a\\b",
                                     "https://h/a b",
                                     "https://h/\x01",
                                     "https://h/%zz",
                                     "https://h/%2",
                                     "https://h/a/../b",
                                     "https://h/./b",
                                     "https://h/a//b",
                                     "https://127.1",
                                     "https://2130706433",
                                     "https://0x7f.1",
                                     "https://0177.0.0.1",
                                     "https://256.0.0.1",
                                     "https://1.2.3.4.5",
                                     "https://[::1",
                                     "https://[::1%25eth0]",
                                     "https://[127.0.0.1]",
                                     "https://[::1]x",
                                     "https://a..b",
                                     "https://.a",
                                     "https://.",
                                     "https://%6c",
                                     "https://h\xC3\xA9",
                                     std::string("https://h\0x", 11),
                                     " https://h",
                                     "https://h ",
                                     "https://h\r\nX: y",
                                     "https://" + std::string(64, 'a'),
                                     "https://" + std::string(254, 'a')};
  for (const std::string& text : bad) {
    const Result<Url> url = parse_base_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code(), "invalid_url");
  }
}

TEST(BaseUrl, ErrorsNeverRepeatThePassword) {
  const Result<Url> url = parse_base_url("https://user:hunter2@h");
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().detail().find("hunter2"), std::string::npos);
}

TEST(AuthorityText, IsAHostWithAnOptionalPort) {
  EXPECT_EQ(parse_authority("Example.org."), (Authority{HostKind::Name, "Example.org.", {}}));
  EXPECT_EQ(parse_authority("10.0.0.1:99"),
            (Authority{HostKind::Ipv4, "10.0.0.1", std::uint16_t{99}}));
  EXPECT_EQ(parse_authority("[2001:db8::1]:65535"),
            (Authority{HostKind::Ipv6, "2001:db8::1", std::uint16_t{65'535}}));
  for (const char* bad :
       {"", ":80", "a:b", "a/b", "a,b", "a@b", "[]", "[::1]80", "::1", "a:1:2", "a b"}) {
    EXPECT_FALSE(parse_authority(bad)) << bad;
  }
}

}  // namespace
}  // namespace waybill

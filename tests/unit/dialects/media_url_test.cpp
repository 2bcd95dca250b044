#include "media_url.hpp"

#include <fstream>
#include <vector>

#include <gtest/gtest.h>

#include "fixtures.hpp"

namespace waybill::dialects {
namespace {

struct Case {
  std::string_view url;
  MediaUrl expected;
};

TEST(MediaUrl, R1R4TableOfSchemesAndHosts) {
  using enum MediaUrl;
  const std::vector<Case> cases{
      {"https://example.com/a.png", Remote},
      {"HTTP://Example.COM", Remote},
      {"https://example.com:8443/a?b#c", Remote},
      {"https://example.com./", Remote},
      {"https://8.8.8.8/x", Remote},
      {"https://[2606:4700::1111]/x", Remote},
      {"data:image/png;base64,AAAA", Data},
      {"file:///etc/passwd", BadScheme},
      {"gopher://127.0.0.1:6379/_FLUSHALL", BadScheme},
      {"ftp://example.com/", BadScheme},
      {"javascript:alert(1)", BadScheme},
      {"//example.com/a.png", BadScheme},
      {"a.png", BadScheme},
      {"", BadScheme},
      {" https://example.com/", BadScheme},
      {"https:example.com", Malformed},
      {"https:/example.com", Malformed},
      {"https://", Malformed},
      {"https://user@example.com/", Malformed},
      {"https://example.com\\@127.0.0.1/", Malformed},
      {"https://example.com /", Malformed},
      {"https://ex%61mple.com/", Malformed},
      {"https://\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1/", Malformed},  // full-width digits
      {"https://example.com:22/", Malformed},
      {"https://example.com:0/", Malformed},
      {"https://example.com:65536/", Malformed},
      {"https://example.com:/", Malformed},
      {"http://[::1", Malformed},
      {"http://[fe80::1%25eth0]/", Malformed},
      {"http://127.0.0.1/", Private},
      {"http://127.1/", Private},
      {"http://2130706433/", Private},
      {"http://0x7f.0.0.1/", Private},
      {"http://017700000001/", Private},
      {"http://127.0.0.1./", Private},
      {"http://10.1.2.3/", Private},
      {"http://172.16.0.1/", Private},
      {"http://192.168.1.1:8080/", Private},
      {"http://100.64.0.1/", Private},
      {"http://169.254.169.254/latest/meta-data/", Private},
      {"http://168.63.129.16/", Private},
      {"http://224.0.0.1/", Private},
      {"http://0.0.0.0/", Private},
      {"http://[::1]/", Private},
      {"http://[::ffff:127.0.0.1]/", Private},
      {"http://[64:ff9b::7f00:1]/", Private},
      {"http://[2002:7f00:1::]/", Private},
      {"http://[fd00::1]/", Private},
      {"http://localhost/", Private},
      {"http://LOCALHOST./", Private},
      {"http://a.localhost/", Private},
      {"http://nas.local/", Private},
      {"http://metadata.google.internal/", Private},
      {"http://intranet/", Private},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(classify_media_url(one.url), one.expected) << one.url;
  }
}

// Names that only resolve to an inner address cannot be seen in the text.
TEST(MediaUrl, R1HostileListIsBlockedAsFarAsTextTells) {
  const auto folder = test::fixtures() / "hostile" / "url" / "own";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no hostile corpora";
  }
  std::size_t blocked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream lines(entry.path());
    for (std::string line; std::getline(lines, line);) {
      const auto one = nlohmann::json::parse(line);
      const std::string url = one.at("url");
      const MediaUrl verdict = classify_media_url(url);
      const bool allowed = verdict == MediaUrl::Remote || verdict == MediaUrl::Data;
      if (one.at("expect") == "allow") {
        EXPECT_TRUE(allowed) << url;
      } else if (!allowed) {
        ++blocked;
      } else if (verdict == MediaUrl::Remote) {
        EXPECT_NE(url.find_first_of("abcdefghijklmnopqrstuvwxyz", url.find("//")),
                  std::string::npos)
            << url;
      }
    }
  }
  EXPECT_GT(blocked, 100U);
}

}  // namespace
}  // namespace waybill::dialects

#include "waybill/base/digest.hpp"

#include <string>

#include <gtest/gtest.h>

namespace waybill {
namespace {

TEST(Digest, Sha256MatchesTheStandardsExample) {  // FIPS 180-4 example "abc"
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, HmacMatchesTheRfcsExamples) {  // RFC 4231 §4.2, §4.3
  EXPECT_EQ(to_hex(hmac_sha256(std::string(20, '\x0B'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Digest, Crc32cMatchesTheRfcsExample) {  // RFC 3720 appendix B.4: 32 bytes of zeros
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
}

TEST(Digest, Crc32cContinues) {
  EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789"));
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
}

TEST(Digest, HexParsesBackAndRefusesOtherText) {
  const Sha256 digest = sha256("x");
  EXPECT_EQ(parse_sha256_hex(to_hex(digest)), digest);
  EXPECT_FALSE(parse_sha256_hex(""));
  EXPECT_FALSE(parse_sha256_hex(std::string(63, '0')));
  EXPECT_FALSE(parse_sha256_hex(std::string(64, 'g')));
}

TEST(Digest, EqualityLooksAtEveryByte) {
  Sha256 a = sha256("x");
  Sha256 b = a;
  EXPECT_TRUE(equal_constant_time(a, b));
  for (auto& byte : b) {
    byte ^= 1U;
    EXPECT_FALSE(equal_constant_time(a, b));
    byte ^= 1U;
  }
}

}  // namespace
}  // namespace waybill

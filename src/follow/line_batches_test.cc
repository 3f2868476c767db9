#include "follow/line_batches.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <thread>
#include <vector>

#include "follow/scratch_folder.h"

namespace sightglass::follow {
namespace {

std::string gzip(std::string_view text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string many_lines(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += "line number " + std::to_string(i * 7919) + "\n";
  return out;
}

class LineBatchesTest : public testing::Test {
 protected:
  LineBatches open(std::string_view content, std::size_t most = 4u << 20) {
    folder.write("f", content);
    auto bytes = open_bytes(Descriptor(::open(folder.in("f").c_str(), O_RDONLY)));
    return LineBatches(std::move(*bytes), most);
  }
  // All bodies one behind the other.
  static Result<std::string> all(LineBatches& batches) {
    std::string out;
    for (;;) {
      SG_ASSIGN(const auto cut, batches.next());
      if (cut.bytes == 0) return out;
      out += cut.body;
      batches.done_with(cut);
    }
  }
  ScratchFolder folder;
};

TEST_F(LineBatchesTest, GivesTheWholeContentInWholeLines) {
  const auto text = many_lines(20'000);
  for (const std::size_t most : {std::size_t{1}, std::size_t{1'000}, std::size_t{4u << 20}}) {
    auto batches = open(text, most);
    EXPECT_EQ(all(batches).value(), text);
    EXPECT_EQ(batches.lines(), 20'000u);
    EXPECT_EQ(batches.position(), text.size());
  }
}

TEST_F(LineBatchesTest, UnpacksGzipAndZstdAlsoInSeveralMembers) {
  const auto text = many_lines(200'000);
  for (const auto& packed : {gzip(text), zstd(text)}) {
    auto once = open(packed);
    EXPECT_TRUE(once.bytes().packed());
    EXPECT_EQ(all(once).value(), text);
    EXPECT_EQ(once.bytes().packed_bytes(), packed.size());
    auto twice = open(packed + packed);
    EXPECT_EQ(all(twice).value(), text + text);
  }
}

TEST_F(LineBatchesTest, SaysThatPackedContentIsCutShortAfterGivingWhatCame) {
  const auto text = many_lines(200'000);
  for (const auto& packed : {gzip(text), zstd(text)}) {
    auto batches = open(std::string_view(packed).substr(0, packed.size() / 2));
    std::size_t got = 0;
    for (;;) {
      const auto cut = batches.next();
      if (!cut) {
        EXPECT_EQ(cut.error().code, Code::kCorrupt);
        break;
      }
      ASSERT_GT(cut->bytes, 0u) << "ended as if it were whole";
      got += cut->bytes;
      batches.done_with(*cut);
    }
    EXPECT_GT(got, 0u);
    EXPECT_LT(got, text.size());
  }
}

TEST_F(LineBatchesTest, PassesOverWhatWasTakenAndCountsItsLines) {
  auto batches = open("one\ntwo\nthree\n", 4);
  EXPECT_EQ(batches.peek(5).value(), "one\nt");
  ASSERT_TRUE(batches.pass_over(8));
  EXPECT_EQ(batches.lines(), 2u);
  EXPECT_EQ(all(batches).value(), "three\n");
}

TEST_F(LineBatchesTest, FromWithinALineItGoesOnWithTheNext) {
  auto batches = open("one\ntwo\nthree\n");
  ASSERT_TRUE(batches.pass_over(5));
  EXPECT_EQ(all(batches).value(), "three\n");
}

TEST_F(LineBatchesTest, SaysThatTheFileIsShorterThanWhatWasTaken) {
  auto batches = open("one\n");
  const auto passed = batches.pass_over(5);
  ASSERT_FALSE(passed);
  EXPECT_EQ(passed.error().code, Code::kNotFound);
}

TEST_F(LineBatchesTest, TheLastLineNeedsNoLineFeed) {
  auto batches = open("one\ntwo");
  EXPECT_EQ(all(batches).value(), "one\ntwo");
}

TEST_F(LineBatchesTest, APipeThatPausesGivesTheWholeLinesThatHaveCome) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Descriptor in(ends[1]);
  const auto write = [&](std::string_view text) {
    ASSERT_EQ(::write(in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  };
  write("one\ntwo\nthr");
  LineBatches batches(std::move(*open_bytes(Descriptor(ends[0]))), 4u << 20);
  EXPECT_EQ(batches.peek(1u << 20).value(), "one\ntwo\nthr");
  auto cut = batches.next();
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->body, "one\ntwo\n");
  batches.done_with(*cut);
  std::thread later([&] {
    // Whichever comes first, the pause or this: the line is one.
    write("ee\nfour");
    in = Descriptor();
  });
  EXPECT_EQ(all(batches).value(), "three\nfour");
  later.join();
}

TEST_F(LineBatchesTest, AnEmptyFileGivesNothing) {
  auto batches = open("");
  EXPECT_EQ(all(batches).value(), "");
}

}  // namespace
}  // namespace sightglass::follow

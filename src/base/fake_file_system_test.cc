#include "base/fake_file_system.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace sightglass {
namespace {

std::unique_ptr<File> make(FakeFileSystem& fs, const std::string& path) {
  auto file = fs.open(path, OpenMode::kAppend);
  EXPECT_TRUE(file.has_value());
  return std::move(*file);
}

TEST(FakeFileSystem, KeepsSyncedBytesOfSyncedNamesThroughEveryCrash) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FakeFileSystem fs(seed);
    ASSERT_TRUE(fs.create_directories("d"));
    auto file = make(fs, "d/a");
    ASSERT_TRUE(file->append("hello"));
    ASSERT_TRUE(file->sync_data());
    ASSERT_TRUE(fs.sync_directory("d"));
    ASSERT_TRUE(file->append(" world"));
    fs.crash();
    const auto content = fs.content("d/a");
    ASSERT_TRUE(content.has_value());
    EXPECT_TRUE(content->starts_with("hello"));
    EXPECT_LE(content->size(), 11u);
  }
}

TEST(FakeFileSystem, TearsUnsyncedBytesInEveryWay) {
  bool all = false, none = false, part = false, holes = false;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    FakeFileSystem fs(seed);
    auto file = make(fs, "a");
    ASSERT_TRUE(fs.sync_directory("."));
    const std::string bytes(100, 'x');
    ASSERT_TRUE(file->append(bytes));
    fs.crash();
    const auto content = fs.content("a").value();
    all |= content == bytes;
    none |= content.empty();
    part |= !content.empty() && content.size() < bytes.size();
    holes |= content.find('\0') != std::string::npos;
    for (const char c : content) EXPECT_TRUE(c == 'x' || c == '\0');
  }
  EXPECT_TRUE(all && none && part && holes);
}

TEST(FakeFileSystem, MayForgetNamesUntilTheirFolderIsSynced) {
  bool kept = false, forgotten = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FakeFileSystem fs(seed);
    auto file = make(fs, "a.new");
    ASSERT_TRUE(file->append("new"));
    ASSERT_TRUE(file->sync_data());
    fs.set_content("a", "old");
    ASSERT_TRUE(fs.rename("a.new", "a"));
    fs.crash();
    const auto content = fs.content("a").value();
    kept |= content == "new";
    forgotten |= content == "old";
    EXPECT_TRUE(content == "new" || content == "old");
  }
  EXPECT_TRUE(kept && forgotten);
}

TEST(FakeFileSystem, KeepsARenameAcrossFoldersOnceTheTargetIsSynced) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FakeFileSystem fs(seed);
    ASSERT_TRUE(fs.create_directories("s"));
    ASSERT_TRUE(fs.create_directories("t"));
    auto file = make(fs, "s/a");
    ASSERT_TRUE(file->append("x"));
    ASSERT_TRUE(file->sync_data());
    ASSERT_TRUE(fs.rename("s/a", "t/a"));
    ASSERT_TRUE(fs.sync_directory("t"));
    fs.crash();
    EXPECT_EQ(fs.content("t/a"), "x");
    EXPECT_FALSE(fs.exists("s/a"));
  }
}

TEST(FakeFileSystem, ForgetsANewFolderUntilItsParentIsSynced) {
  bool kept = false, forgotten = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FakeFileSystem fs(seed);
    ASSERT_TRUE(fs.create_directories("data/journal"));
    auto file = make(fs, "data/journal/a");
    ASSERT_TRUE(file->sync_data());
    ASSERT_TRUE(fs.sync_directory("data/journal"));
    fs.crash();
    (fs.exists("data/journal/a") ? kept : forgotten) = true;
    EXPECT_EQ(fs.exists("data/journal"), fs.exists("data/journal/a"));
  }
  EXPECT_TRUE(kept && forgotten);
}

TEST(FakeFileSystem, BytesOfAFailedSyncNeverLastThoughALaterSyncSucceeds) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    FakeFileSystem fs(seed);
    auto file = make(fs, "a");
    ASSERT_TRUE(fs.sync_directory("."));
    ASSERT_TRUE(file->append("one"));
    fs.fail_syncs(1);
    EXPECT_EQ(file->sync_data().error().code, Code::kIo);
    EXPECT_TRUE(file->sync_data());
    EXPECT_EQ(fs.content("a"), "one");
    fs.crash();
    EXPECT_EQ(fs.content("a"), "");
  }
}

TEST(FakeFileSystem, LosesWhatItSaidItKeptWhenToldToLie) {
  FakeFileSystem fs;
  auto file = make(fs, "a");
  ASSERT_TRUE(file->append("one"));
  ASSERT_TRUE(file->sync_data());
  ASSERT_TRUE(fs.sync_directory("."));
  fs.lie_about_syncs();
  ASSERT_TRUE(file->append(std::string(10'000, 'x')));
  EXPECT_TRUE(file->sync_data());
  fs.crash();
  EXPECT_TRUE(fs.content("a")->starts_with("one"));
  EXPECT_NE(fs.content("a"), "one" + std::string(10'000, 'x'));
}

TEST(FakeFileSystem, FillsUpWithAShortWriteAndRunsAgainAfterARemoval) {
  FakeFileSystem fs;
  auto reserve = make(fs, "reserve");
  ASSERT_TRUE(reserve->preallocate(100));
  auto file = make(fs, "a");
  fs.fill_up_after(5);
  EXPECT_EQ(file->append("0123456789").error().code, Code::kNoSpace);
  EXPECT_EQ(fs.content("a"), "01234");
  EXPECT_EQ(fs.free_bytes(".").value(), 0u);
  ASSERT_TRUE(fs.remove("reserve"));
  EXPECT_EQ(fs.free_bytes(".").value(), 100u);
  EXPECT_TRUE(file->append("56789"));
}

TEST(FakeFileSystem, PreallocatedBytesAreTheFilesOwn) {
  FakeFileSystem fs;
  auto file = make(fs, "a");
  ASSERT_TRUE(file->preallocate(10));
  fs.fill_up_after(0);
  EXPECT_TRUE(file->append("0123456789"));
  EXPECT_EQ(file->append("x").error().code, Code::kNoSpace);
}

TEST(FakeFileSystem, FailsReadsRenamesAndWhateverTheFaultNames) {
  FakeFileSystem fs;
  fs.set_content("a", "x");
  auto file = make(fs, "a");
  fs.fail_reads("a");
  char byte = 0;
  EXPECT_EQ(file->pread(&byte, 1, 0).error().code, Code::kIo);
  fs.fail_reads("");
  EXPECT_TRUE(file->pread(&byte, 1, 0).has_value());
  fs.fail_renames(1);
  EXPECT_FALSE(fs.rename("a", "b"));
  EXPECT_TRUE(fs.rename("a", "b"));
  fs.set_fault([](std::string_view operation) -> std::optional<Error> {
    if (operation == "remove b") return Error{Code::kDenied, "no"};
    return std::nullopt;
  });
  EXPECT_EQ(fs.remove("b").error().code, Code::kDenied);
}

TEST(FakeFileSystem, HaltsInTheMiddleOfTheChosenChangeAndChangesNothingAfter) {
  bool in_part = false;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    FakeFileSystem fs(seed);
    auto file = make(fs, "a");
    ASSERT_TRUE(file->append("keep"));
    fs.halt_after(2);
    ASSERT_TRUE(file->sync_data());
    EXPECT_FALSE(fs.halted());
    EXPECT_FALSE(file->append("0123456789"));
    EXPECT_TRUE(fs.halted());
    const auto content = fs.content("a").value();
    EXPECT_TRUE(content.starts_with("keep"));
    in_part |= content.size() > 4 && content.size() < 14;
    EXPECT_FALSE(file->append("more"));
    EXPECT_FALSE(fs.remove("a"));
    EXPECT_FALSE(fs.sync_directory("."));
    EXPECT_EQ(fs.content("a"), content);
    fs.crash();
    EXPECT_FALSE(fs.halted());
    EXPECT_FALSE(file->append("stale"));
  }
  EXPECT_TRUE(in_part);
}

TEST(FakeFileSystem, RecordsChangesInOrder) {
  FakeFileSystem fs;
  ASSERT_TRUE(fs.create_directories("d"));
  ASSERT_TRUE(replace_file(fs, "d/a", "abc"));
  EXPECT_EQ(fs.operations(),
            (std::vector<std::string>{"mkdir d", "create d/a.new", "append d/a.new 3",
                                      "sync d/a.new", "rename d/a.new d/a", "sync_directory d"}));
}

TEST(FakeFileSystem, AnswersLikeThePosixOneWhereTheyCanBeCompared) {
  FakeFileSystem fs;
  EXPECT_EQ(fs.open("none", OpenMode::kRead).error().code, Code::kNotFound);
  EXPECT_EQ(fs.open("no/folder", OpenMode::kAppend).error().code, Code::kNotFound);
  EXPECT_EQ(fs.list("none").error().code, Code::kNotFound);
  EXPECT_TRUE(fs.remove("none"));
  fs.set_content("d/b", "");
  fs.set_content("d/a", "abc");
  ASSERT_TRUE(fs.create_directories("d/sub/deep"));
  EXPECT_EQ(fs.list("d").value(), (std::vector<std::string>{"a", "b", "sub"}));
  EXPECT_EQ(fs.open("d/a", OpenMode::kCreateNew).error().code, Code::kExists);
  auto file = make(fs, "d/a");
  EXPECT_EQ(file->size().value(), 3u);
  ASSERT_TRUE(file->truncate(1));
  EXPECT_EQ(read_file(fs, "d/a").value(), "a");
  auto reader = fs.open("d/a", OpenMode::kRead).value();
  EXPECT_FALSE(reader->append("x"));
  ASSERT_TRUE(fs.remove("d/a"));
  char byte = 0;
  EXPECT_EQ(reader->pread(&byte, 1, 0).value(), 1u);  // an open file outlives its name
}

}  // namespace
}  // namespace sightglass

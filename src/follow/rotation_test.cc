#include "follow/rotation.h"

#include <gtest/gtest.h>

#include "follow/scratch_folder.h"

namespace sightglass::follow {
namespace {

TEST(Rotation, KnowsTheUsualNames) {
  for (const auto* name :
       {"app.log.1", "app.log.12", "app.log-20251121", "app.log.2025-11-21T10:00", "app.log.old",
        "app.1.log", "app-20251121.log", "app-2025-11-21.1.log"}) {
    EXPECT_TRUE(is_rotation_of("app.log", name)) << name;
  }
}

TEST(Rotation, LeavesOtherFilesAlone) {
  for (const auto* name : {"app.log", "app.log.1.gz", "app.log.bak", "app.log.swp", "app2.log",
                           "app.log.", "app.log1", "app.error.log", "other.log.1", "app.log-"}) {
    EXPECT_FALSE(is_rotation_of("app.log", name)) << name;
  }
}

TEST(Rotation, ListsTheOldestFirst) {
  const ScratchFolder folder;
  for (const auto* name : {"app.log", "app.log.10", "app.log.9", "app.log.1"})
    folder.write(name, "x");
  const auto now = std::filesystem::file_time_type::clock::now();
  for (const auto* name : {"app.log.10", "app.log.9", "app.log.1"}) {
    std::filesystem::last_write_time(folder.in(name), now);
  }
  const auto found = rotated_files(folder.in("app.log"));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].path, folder.in("app.log.10"));
  EXPECT_EQ(found[1].path, folder.in("app.log.9"));
  EXPECT_EQ(found[2].path, folder.in("app.log.1"));
}

}  // namespace
}  // namespace sightglass::follow

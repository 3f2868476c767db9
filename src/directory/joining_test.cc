// What a gateway brings to a registry, and what keeps it out.
#include "directory/joining.h"

#include <gtest/gtest.h>

namespace sightglass::directory {
namespace {

using Ids = std::vector<std::string>;

control::ClientRecord client(const std::string& id, const std::string& key) {
  control::ClientRecord out;
  out.id = id;
  out.key = sha256(key);
  out.created_ns = 7;
  return out;
}

class JoiningTest : public ::testing::Test {
 protected:
  void has(const std::string& id, const std::string& key) {
    there_.clients.push_back(client(id, key));
    there_.keys.push_back({sha256(key), id, 1, 0});
  }
  Joining plan() const { return plan_joining(here_, there_, 9); }
  control::Clients here_;
  control::SharedClients there_;
};

TEST_F(JoiningTest, WhatTheRegistryDoesNotKnowIsAdded) {
  has("other", "k-other");
  here_.clients = {client("mine", "k-mine")};
  here_.revoked = {sha256("k-old")};
  const auto joining = plan();
  EXPECT_EQ(joining.conflicts, Ids());
  EXPECT_EQ(joining.clients, here_.clients);
  const std::vector<control::SharedKey> keys = {{sha256("k-mine"), "mine", 7, 0},
                                                {sha256("k-old"), "", 9, 9}};
  EXPECT_EQ(joining.keys, keys);
}

TEST_F(JoiningTest, TheSameIdAndKeyAreTheRegistrys) {
  has("mine", "k-mine");
  here_.clients = {client("mine", "k-mine")};
  here_.clients[0].description = "another";
  EXPECT_TRUE(plan().clients.empty());
  EXPECT_TRUE(plan().keys.empty());
  EXPECT_EQ(plan().conflicts, Ids());
}

TEST_F(JoiningTest, AKeyThatIsRevokedThereComesNotBack) {
  has("mine", "k-new");
  there_.keys.push_back({sha256("k-mine"), "mine", 1, 5});
  here_.clients = {client("mine", "k-mine")};
  EXPECT_TRUE(plan().clients.empty());
  EXPECT_EQ(plan().conflicts, Ids());
}

TEST_F(JoiningTest, ADisagreementIsNamedOnce) {
  has("b", "k-there");
  has("c", "k-c");
  has("d", "k-d");
  here_.clients = {client("a", "k-c"), client("b", "k-here")};
  here_.revoked = {sha256("k-d")};
  EXPECT_EQ(plan().conflicts, (Ids{"a", "b", "d"}));
}

}  // namespace
}  // namespace sightglass::directory

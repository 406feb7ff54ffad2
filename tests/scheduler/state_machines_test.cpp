// The tables of docs/engine.md, cell by cell.
#include <gtest/gtest.h>

#include "scheduler/lifecycle.h"
#include "scheduler/request_queue.h"
#include "scheduler/stream_registry.h"

namespace mlxserving::scheduler {
namespace {

Holding one_page() {
  Holding holding{HeldPages({.page_count = 4, .page_tokens = 32})};
  holding[0].add(3);
  return holding;
}

// Walks a lifecycle into each of its states.
Lifecycle in_state(const std::string& state) {
  Lifecycle life;
  Holding given_up;
  if (state == "Queued") return life;
  life.admit(one_page(), 0, 1);
  if (state == "Decoding") life.finish_prompt();
  if (state == "Preempted") life.preempt(given_up);
  if (state == "Ended") life.end(given_up);
  return life;
}

struct Row {
  const char* state;
  bool admit, finish_prompt, preempt, end, has_pages;
};
constexpr Row kLifecycle[] = {{"Queued", true, false, false, true, false},
                              {"Prefilling", false, true, true, true, true},
                              {"Decoding", false, false, true, true, true},
                              {"Preempted", true, false, false, true, false},
                              {"Ended", false, false, false, false, false}};

TEST(LifecycleTable, every_transition_is_made_or_refused_as_the_table_says) {
  for (const Row& row : kLifecycle) {
    SCOPED_TRACE(row.state);
    Holding pages;
    EXPECT_EQ(in_state(row.state).admit(one_page(), 0, 2), row.admit);
    EXPECT_EQ(in_state(row.state).finish_prompt(), row.finish_prompt);
    EXPECT_EQ(in_state(row.state).preempt(pages), row.preempt);
    EXPECT_EQ(in_state(row.state).end(pages), row.end);
    EXPECT_EQ(in_state(row.state).pages() != nullptr, row.has_pages);
  }
}

TEST(LifecycleTable, who_gives_up_pages_hands_them_over) {
  Holding pages;
  Lifecycle life = in_state("Decoding");
  ASSERT_TRUE(life.preempt(pages));
  ASSERT_EQ(pages.size(), 1U);
  EXPECT_EQ(pages[0].number(0), 3);
  EXPECT_EQ(life.pages(), nullptr);
}

TEST(RequestQueueTable, it_presses_at_three_quarters_fills_and_relaxes_at_half) {
  RequestQueue queue(8);
  std::string states;
  for (SequenceId id = 1; id <= 8; ++id) {
    ASSERT_TRUE(queue.push(rank_of(Priority::normal, 0, id), Priority::normal));
    states += queue.state_name()[0];
  }
  EXPECT_EQ(states,
            "ooooopp"
            "f");
  states.clear();
  for (SequenceId id = 1; id <= 8; ++id) {
    ASSERT_TRUE(queue.remove(rank_of(Priority::normal, 0, id)));
    states += queue.state_name()[0];
  }
  EXPECT_EQ(states, "pppooooo");
  EXPECT_EQ(queue.transitions().made, 4U);
}

TEST(RequestQueueTable, a_preempted_sequence_returns_even_to_a_full_queue) {
  RequestQueue queue(1);
  ASSERT_TRUE(queue.push(rank_of(Priority::low, 0, 2), Priority::low));
  queue.put_back(rank_of(Priority::normal, 0, 1));
  EXPECT_EQ(queue.ranks().begin()->id, 1U);
}

TEST(StreamRegistryTable, every_sign_changes_what_the_table_says) {
  StreamRegistry streams;
  EXPECT_TRUE(streams.open(1));
  EXPECT_EQ(streams.see(1, StreamSign::has_room), StreamChange::none);
  EXPECT_EQ(streams.see(1, StreamSign::full), StreamChange::pause);
  EXPECT_EQ(streams.see(1, StreamSign::full), StreamChange::none);
  EXPECT_EQ(streams.paused_count(), 1U);
  EXPECT_EQ(streams.see(1, StreamSign::has_room), StreamChange::resume);
  EXPECT_EQ(streams.see(1, StreamSign::full), StreamChange::pause);
  EXPECT_EQ(streams.see(1, StreamSign::cancelled), StreamChange::cancel);
  for (const StreamSign sign : {StreamSign::has_room, StreamSign::full, StreamSign::cancelled}) {
    EXPECT_EQ(streams.see(1, sign), StreamChange::none) << "it leaves once";
  }
  EXPECT_TRUE(streams.close(1));
  EXPECT_EQ(streams.transitions().refused, 0U);
}

TEST(StreamRegistryTable, what_is_not_open_is_counted_as_refused) {
  StreamRegistry streams;
  EXPECT_EQ(streams.see(7, StreamSign::full), StreamChange::none);
  EXPECT_FALSE(streams.close(7));
  EXPECT_TRUE(streams.open(7));
  EXPECT_FALSE(streams.open(7));
  EXPECT_EQ(streams.transitions().refused, 3U);
}

}  // namespace
}  // namespace mlxserving::scheduler

#include "threads/client_table.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

using namespace tutti;

#define EXPECT(fact)                                                          \
  do {                                                                        \
    if (!(fact)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #fact); \
      std::exit(1);                                                           \
    }                                                                         \
  } while (false)

namespace {

const std::string& TextOf(const ClientSnapshot& client, ClientText which) {
  return client.texts[static_cast<size_t>(which)];
}

ClientIdentity Identity(uint32_t connection, std::string_view address) {
  ClientIdentity identity;
  identity.owner = {1, connection};
  identity.fd = 7;
  identity.address = address;
  identity.local_address = "127.0.0.1:6379";
  identity.flags = "N";
  return identity;
}

void ListsWhatWasEntered() {
  ClientTable table(16);
  EXPECT(table.List().empty());
  const auto first = table.Open(Identity(3, "127.0.0.1:1"), 1000, 16);
  const auto second = table.Open(Identity(4, "[::1]:2"), 2000, 16);
  EXPECT(first && second && first->id == 1 && second->id == 2 && table.count() == 2);

  ClientProgress progress;
  progress.last_seen_ms = 5000;
  progress.db = 9;
  progress.resp = 3;
  progress.multi_count = 2;
  progress.watch_count = 1;
  progress.query_bytes = int64_t{1} << 40;
  progress.output_bytes = 11;
  table.Update(first->slot, progress);
  table.SetText(first->slot, ClientText::kName, "worker");
  table.SetText(first->slot, ClientText::kName, "w");
  table.SetText(second->slot, ClientText::kLastCommand, "client|list");

  const auto clients = table.List();
  EXPECT(clients.size() == 2 && clients[0].id == 1 && clients[1].id == 2);
  EXPECT(clients[0].owner.thread_index == 1 && clients[0].owner.connection == 3);
  EXPECT(clients[0].fd == 7 && clients[0].created_ms == 1000);
  EXPECT(clients[0].progress.last_seen_ms == 5000 && clients[0].progress.db == 9);
  EXPECT(clients[0].progress.resp == 3 && clients[0].progress.multi_count == 2);
  EXPECT(clients[0].progress.watch_count == 1 && clients[0].progress.output_bytes == 11);
  EXPECT(clients[0].progress.query_bytes == int64_t{1} << 40);
  EXPECT(TextOf(clients[0], ClientText::kName) == "w");
  EXPECT(TextOf(clients[0], ClientText::kUser) == "default");
  EXPECT(TextOf(clients[0], ClientText::kFlags) == "N");
  EXPECT(TextOf(clients[1], ClientText::kAddress) == "[::1]:2");
  EXPECT(TextOf(clients[1], ClientText::kLastCommand) == "client|list");
  EXPECT(clients[1].progress.multi_count == -1 && clients[1].progress.resp == 2);
}

void CutsLongTexts() {
  ClientTable table(1);
  const auto opened = table.Open(Identity(1, std::string(300, 'a')), 0, 1);
  for (size_t i = 0; i < kClientTextCount; i++) {
    for (const size_t bytes : {size_t{0}, size_t{5}, size_t{6}, size_t{7}, size_t{1000}}) {
      table.SetText(opened->slot, static_cast<ClientText>(i), std::string(bytes, 'x'));
      EXPECT(table.List()[0].texts[i] ==
             std::string(std::min<size_t>(bytes, kClientTextBytesMax[i]), 'x'));
    }
  }
}

void NeverUsesAnIdAgain() {
  ClientTable table(4);
  uint64_t last_id = 0;
  for (int i = 0; i < 100; i++) {
    const auto opened = table.Open(Identity(1, "a"), 0, 4);
    EXPECT(opened && opened->id > last_id);
    last_id = opened->id;
    EXPECT(table.Find(last_id) && table.Find(last_id)->connection == 1);
    table.SetText(opened->slot, ClientText::kName, "of an earlier client");
    table.Close(opened->slot);
    EXPECT(!table.Find(last_id) && table.count() == 0 && table.List().empty());
  }
  const auto opened = table.Open(Identity(1, "a"), 0, 4);
  EXPECT(opened && TextOf(table.List()[0], ClientText::kName).empty());
}

void RefusesTooManyClients() {
  ClientTable table(4);
  for (uint32_t i = 0; i < 3; i++) EXPECT(table.Open(Identity(i, "a"), 0, 3));
  EXPECT(!table.Open(Identity(3, "a"), 0, 3));
  const auto fourth = table.Open(Identity(3, "a"), 0, 100);
  EXPECT(fourth && !table.Open(Identity(4, "a"), 0, 100));
  table.Close(fourth->slot);
  EXPECT(table.Open(Identity(4, "a"), 0, 4) && table.count() == 4);
}

// Each owner opens, changes and closes; a reader must never see half of a text, or one record's
// number with another's text.
void ListsWholeRecordsWhileTheyChange() {
  ClientTable table(64);
  std::atomic<bool> is_done{false};
  std::vector<std::thread> owners;
  for (uint32_t owner = 0; owner < 2; owner++) {
    owners.emplace_back([&table, owner] {
      for (int round = 0; round < 5000; round++) {
        const std::string letter(1, static_cast<char>('a' + round % 26));
        const auto opened = table.Open(Identity(owner, letter), round, 64);
        EXPECT(opened);
        for (int i = 0; i < 4; i++) {
          std::string name;
          for (int repeat = 0; repeat < 10 * (i + 1); repeat++) name += letter;
          table.SetText(opened->slot, ClientText::kName, name);
          ClientProgress progress;
          progress.query_bytes = i;
          table.Update(opened->slot, progress);
        }
        table.Close(opened->slot);
      }
    });
  }
  std::thread reader([&] {
    while (!is_done) {
      for (const ClientSnapshot& client : table.List()) {
        const std::string& address = TextOf(client, ClientText::kAddress);
        const std::string& name = TextOf(client, ClientText::kName);
        EXPECT(address.size() == 1);
        EXPECT(name.size() % 10 == 0 && name.find_first_not_of(address[0]) == std::string::npos);
        EXPECT(client.created_ms % 26 == address[0] - 'a');
      }
    }
  });
  for (auto& owner : owners) owner.join();
  is_done = true;
  reader.join();
  EXPECT(table.count() == 0);
}

void EvictsTheLargest() {
  ClientTable table(16);
  std::vector<ClientTable::Opened> opened;
  const auto update = [&](size_t i, int64_t bytes, bool is_evictable) {
    ClientProgress progress;
    progress.memory_bytes = bytes;
    progress.is_evictable = is_evictable;
    table.Update(opened[i].slot, progress);
  };
  for (uint32_t i = 0; i < 5; i++) opened.push_back(*table.Open(Identity(i, "a"), 0, 16));
  const int64_t bytes[] = {100, 400, 300, 200, 1000};
  for (size_t i = 0; i < 5; i++) update(i, bytes[i], i != 4);
  EXPECT(table.evictable_bytes() == 1000);
  EXPECT(table.EvictLargest(1000).empty());

  const auto evicted = table.EvictLargest(300);
  EXPECT(evicted.size() == 2 && evicted[0].id == 2 && evicted[1].id == 3);
  EXPECT(evicted[0].owner.connection == 1);
  EXPECT(table.evictable_bytes() == 300 && table.evicted_count() == 2);
  EXPECT(table.List().size() == 3);

  // Who is on the way out counts no more, whatever it tells, and neither does its end.
  update(1, 5000, true);
  EXPECT(table.evictable_bytes() == 300);
  table.Close(opened[1].slot);
  EXPECT(table.evictable_bytes() == 300);
  update(4, 1000, true);
  EXPECT(table.evictable_bytes() == 1300);
  EXPECT(table.Kill(5).has_value() && table.evictable_bytes() == 300);
  for (const size_t i : {0, 2, 3, 4}) table.Close(opened[i].slot);
  EXPECT(table.evictable_bytes() == 0);
}

void CountsOnceWhatIsEvictedWhileItGrows() {
  ClientTable table(64);
  std::atomic<bool> is_done{false};
  std::vector<std::thread> owners;
  for (uint32_t owner = 0; owner < 2; owner++) {
    owners.emplace_back([&table, owner] {
      for (int round = 0; round < 5000; round++) {
        const auto opened = table.Open(Identity(owner, "a"), round, 64);
        EXPECT(opened);
        for (int i = 1; i < 5; i++) {
          ClientProgress progress;
          progress.memory_bytes = 100 * i;
          table.Update(opened->slot, progress);
        }
        table.Close(opened->slot);
      }
    });
  }
  std::thread evicting([&] {
    while (!is_done) table.EvictLargest(250);
  });
  for (auto& owner : owners) owner.join();
  is_done = true;
  evicting.join();
  EXPECT(table.evictable_bytes() == 0);
}

}  // namespace

int main() {
  EvictsTheLargest();
  CountsOnceWhatIsEvictedWhileItGrows();
  ListsWhatWasEntered();
  CutsLongTexts();
  NeverUsesAnIdAgain();
  RefusesTooManyClients();
  ListsWholeRecordsWhileTheyChange();
  return 0;
}

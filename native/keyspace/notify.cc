#include "keyspace/notify.h"

#include <string>

#include "threads/subscriptions.h"

namespace tutti {

constinit std::atomic<uint32_t> told_events{0};

void PublishEvent(int db, std::string_view key, const char* name, uint32_t told) {
  const std::string_view event(name);
  const auto publish = [&](const char* prefix, std::string_view subject, std::string_view payload) {
    std::string channel(prefix);
    channel += std::to_string(db);
    channel += "__:";
    channel += subject;
    Subscriptions::Get().Publish(channel, {payload, nullptr}, false);
  };
  if (told & kTellKeyspace) publish("__keyspace@", key, event);
  if (told & kTellKeyEvent) publish("__keyevent@", event, key);
}

}  // namespace tutti

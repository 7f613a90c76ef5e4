#include "threads/direct_reply.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "check.h"

namespace tutti {
namespace {

constexpr std::string_view kOk = "+OK\r\n";

struct Pair {
  int server, client;
  Pair() {
    int ends[2];
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    server = ends[0];
    client = ends[1];
    fcntl(client, F_SETFL, O_NONBLOCK);
  }
  ~Pair() {
    close(server);
    close(client);
  }
  // All that has come.
  std::string Read() const {
    char text[256];
    const ssize_t bytes = read(client, text, sizeof text);
    return bytes > 0 ? std::string(text, static_cast<size_t>(bytes)) : "";
  }
};

TEST(IsSentOnce) {
  const Pair pair;
  DirectReply reply(pair.server);
  CHECK(reply.Send(kOk));
  CHECK(!reply.Send(kOk));
  reply.Revoke();
  CHECK_EQUAL(pair.Read(), kOk);
}

TEST(IsNotSentOnceRevoked) {
  const Pair pair;
  DirectReply reply(pair.server);
  reply.Revoke();
  CHECK(!reply.Send(kOk));
  CHECK_EQUAL(pair.Read(), "");
}

TEST(IsNotSentBehindWhatTheKernelStillHas) {
  const Pair pair;
  CHECK_EQUAL(write(pair.server, "first", 5), 5);
  DirectReply reply(pair.server);
  CHECK(!reply.Send(kOk));
  CHECK_EQUAL(pair.Read(), "first");
}

TEST(IsNotSentToWhoHasGone) {
  const Pair pair;
  shutdown(pair.client, SHUT_RDWR);
  DirectReply reply(pair.server);
  CHECK(!reply.Send(kOk));
}

TEST(NothingIsSentOnceRevokingIsDone) {
  constexpr int kRounds = 3000;
  const Pair pair;
  for (int round = 0; round < kRounds; round++) {
    DirectReply reply(pair.server);
    bool is_sent = false;
    std::thread sender([&] { is_sent = reply.Send(kOk); });
    for (int i = 0; i < round % 64; i++) std::this_thread::yield();
    reply.Revoke();
    const std::string seen = pair.Read();
    sender.join();
    CHECK_EQUAL(seen, is_sent ? kOk : "");
    CHECK_EQUAL(pair.Read(), "");
  }
}

}  // namespace
}  // namespace tutti

RUN_TESTS()

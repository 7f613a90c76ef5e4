// What a run costs above a PING: a client process, a TCP connection, an epoll loop, the engine and
// its mailbox, in turns, with the echo backend. Prints medians in microseconds.
//
//   run_hand_over FOLDER_OF_THE_BACKENDS [microseconds that the loop works on each request, 15]
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "inference/engine.h"
#include "keyspace/keyspace.h"

using namespace tutti;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kRounds = 6000;
constexpr char kPing = 'P', kRun = 'R';

void Work(int us) {
  const auto end = Clock::now() + std::chrono::microseconds(us);
  while (Clock::now() < end) {
  }
}

void Exchange(int socket, char* byte) {
  if (write(socket, byte, 1) != 1 || read(socket, byte, 1) != 1) std::exit(1);
}

void BeClient(const sockaddr_in& address) {
  const int server = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    std::exit(1);
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  char byte = kPing;
  Exchange(server, &byte);  // the server is ready when it answers
  std::vector<double> ping_us, run_us;
  for (int i = 0; i < 2 * kRounds; i++) {
    Work(10);
    byte = i % 2 ? kRun : kPing;
    const auto begin = Clock::now();
    Exchange(server, &byte);
    const std::chrono::duration<double, std::micro> taken = Clock::now() - begin;
    (i % 2 ? run_us : ping_us).push_back(taken.count());
  }
  std::ranges::sort(ping_us);
  std::ranges::sort(run_us);
  std::printf("PING %.1f, run %.1f (90 %%: %.1f), difference of the medians %.1f us\n",
              ping_us[kRounds / 2], run_us[kRounds / 2], run_us[kRounds * 9 / 10],
              run_us[kRounds / 2] - ping_us[kRounds / 2]);
}

class Server {
 public:
  Server(std::string backend_folder, int work_us) : work_us_(work_us) {
    EngineOptions options;
    options.backends[static_cast<size_t>(BackendKind::kTorch)].library =
        std::move(backend_folder) + "/tutti_backend_echo.so";
    Engine::Get().Configure(std::move(options));
    Watch(event_);
    mailbox_ = std::make_shared<Mailbox>([this] { eventfd_write(event_, 1); });

    ModelSpec spec;
    spec.device.name = "CPU";
    spec.blob.push_back({Buffer::Allocate(1, MemoryKind::kModels), 1});
    Engine::Get().StoreModel(0, "m", std::move(spec), {mailbox_, 0, 0});
    Wait();
    TakeCompletion();
    model_ = Ref<Model>::Share(static_cast<Model*>(Keyspace::Get().Find(0, "m").get()));
    const int64_t dims[] = {1, 10};
    const float elements[10] = {};
    input_ = Tensor::Copy(DType::kFloat, dims, elements, sizeof(elements));
  }

  void Serve(int client) {
    const int on = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Watch(client);
    char byte;
    while (true) {
      if (Wait() == event_) {
        TakeCompletion();
        Work(work_us_ / 3);
        if (write(client, &kRun, 1) != 1) return;
        continue;
      }
      if (read(client, &byte, 1) != 1) return;
      Work(work_us_);
      if (byte == kRun) {
        Enqueue();
      } else if (write(client, &byte, 1) != 1) {
        return;
      }
    }
  }

 private:
  void Watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
  }

  int Wait() {
    epoll_event event{};
    epoll_wait(poll_, &event, 1, -1);
    return event.data.fd;
  }

  void TakeCompletion() {
    eventfd_t count;
    eventfd_read(event_, &count);
    std::vector<Message> messages;
    mailbox_->Drain(&messages);
    assert(messages.size() == 1 && messages[0].code == Code::kOk);
  }

  void Enqueue() {
    ModelRun run;
    run.model = model_;
    run.inputs = {input_};
    run.target.output_keys = {"out"};
    run.target.completion = {mailbox_, 1, 1};
    Engine::Get().Enqueue(std::move(run));
  }

  const int work_us_;
  const int event_ = eventfd(0, EFD_NONBLOCK);
  const int poll_ = epoll_create1(0);
  std::shared_ptr<Mailbox> mailbox_;
  Ref<Model> model_;
  Ref<Tensor> input_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t address_bytes = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), address_bytes) != 0) return 1;
  listen(listener, 1);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &address_bytes);
  if (fork() == 0) {
    BeClient(address);
    return 0;
  }
  // Never destroyed, as the engine's threads are not.
  auto* server = new Server(argv[1], argc > 2 ? std::atoi(argv[2]) : 15);
  server->Serve(accept(listener, nullptr, nullptr));
  wait(nullptr);
}

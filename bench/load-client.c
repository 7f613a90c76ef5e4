/* A load client for the benchmarks: sends one fixed request over and over, so that the client costs
 * as little as it can and both servers are asked by the same program.
 *
 *   load-client ADDRESS throughput REQUEST_FILE CONNECTIONS PIPELINE SECONDS
 *       prints: requests seconds request_bytes reply_bytes; each @@@@ of the request becomes the
 *       number of the connection, in four digits
 *   load-client ADDRESS latency REQUEST_FILE COUNT
 *       one request at a time on one connection; prints: p50_ns p90_ns p99_ns p999_ns max_ns
 *   load-client ADDRESS rate REQUEST_FILE PER_SECOND SECONDS
 *       at fixed intended start times on one connection, each latency counted from the intended
 *       start (no coordinated omission); prints as `latency`
 *   load-client ADDRESS mover SET_FILE GET_FILE PER_SECOND SECONDS
 *       sets, then gets, a large value at fixed times; prints: rounds late_rounds
 *
 * ADDRESS is host:port or the path of a Unix socket. The reply's length is learned from the first
 * one, so every reply to a request must have the same length; one that does not stops the run. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (1 << 20)
#define CONNECTIONS_MAX 4096

typedef struct {
  char* data;
  size_t bytes;
} bytes_t;

static char read_buffer[READ_BYTES];

static void die(const char* what) {
  fprintf(stderr, "load-client: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t when_ns) {
  struct timespec t = {(time_t)(when_ns / 1000000000u), (long)(when_ns % 1000000000u)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
  }
}

static bytes_t read_file(const char* path) {
  FILE* file = fopen(path, "rb");
  if (!file) die(path);
  fseek(file, 0, SEEK_END);
  bytes_t content = {NULL, (size_t)ftell(file)};
  rewind(file);
  content.data = malloc(content.bytes);
  if (fread(content.data, 1, content.bytes, file) != content.bytes) die(path);
  fclose(file);
  return content;
}

static int connect_to(const char* address) {
  int fd;
  if (strchr(address, '/')) {
    struct sockaddr_un unix_address = {.sun_family = AF_UNIX};
    strncpy(unix_address.sun_path, address, sizeof unix_address.sun_path - 1);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr*)&unix_address, sizeof unix_address)) die(address);
    return fd;
  }
  char host[64];
  const char* colon = strrchr(address, ':');
  snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
  struct sockaddr_in tcp_address = {.sin_family = AF_INET, .sin_port = htons(atoi(colon + 1))};
  if (inet_pton(AF_INET, host, &tcp_address.sin_addr) != 1) die("address is not an IPv4 address");
  fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr*)&tcp_address, sizeof tcp_address)) die(address);
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static void write_all(int fd, const char* data, size_t bytes) {
  while (bytes > 0) {
    ssize_t n = write(fd, data, bytes);
    if (n < 0 && errno != EINTR) die("write");
    if (n > 0) data += n, bytes -= (size_t)n;
  }
}

static void read_exactly(int fd, size_t bytes) {
  while (bytes > 0) {
    ssize_t n = read(fd, read_buffer, bytes < READ_BYTES ? bytes : READ_BYTES);
    if (n == 0) errno = ECONNRESET;
    if (n <= 0) die("read");
    bytes -= (size_t)n;
  }
}

/* Sends the request once and takes what comes until nothing has come for 200 ms as the reply. */
static size_t learn_reply_bytes(const char* address, bytes_t request) {
  int fd = connect_to(address);
  write_all(fd, request.data, request.bytes);
  size_t reply_bytes = 0;
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  while (poll(&ready, 1, reply_bytes == 0 ? 10000 : 200) > 0) {
    ssize_t n = read(fd, read_buffer, READ_BYTES);
    if (n <= 0) die("read of the first reply");
    if (reply_bytes == 0 && read_buffer[0] == '-') {
      fprintf(stderr, "load-client: the server answers %.*s", (int)n, read_buffer);
      exit(1);
    }
    reply_bytes += (size_t)n;
  }
  if (reply_bytes == 0) die("no reply");
  close(fd);
  return reply_bytes;
}

static int compare_u64(const void* a, const void* b) {
  uint64_t x = *(const uint64_t*)a, y = *(const uint64_t*)b;
  return (x > y) - (x < y);
}

static void print_percentiles(uint64_t* sorted, size_t count) {
  qsort(sorted, count, sizeof *sorted, compare_u64);
  const double wanted[] = {0.5, 0.9, 0.99, 0.999};
  for (size_t i = 0; i < 4; i++)
    printf("%lu ", (unsigned long)sorted[(size_t)(wanted[i] * (double)(count - 1))]);
  printf("%lu\n", (unsigned long)sorted[count - 1]);
}

typedef struct {
  int fd;
  char* pipeline;
  size_t unsent; /* bytes of the pipeline not yet written */
  size_t unread; /* bytes of its replies not yet read */
} connection_t;

static void set_interest(int epoll_fd, connection_t* connection, int is_new) {
  struct epoll_event event = {.events = EPOLLIN | (connection->unsent ? EPOLLOUT : 0),
                              .data.ptr = connection};
  if (epoll_ctl(epoll_fd, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection->fd, &event))
    die("epoll_ctl");
}

/* The pipeline of one connection: the request over and over, with the connection's number in it. */
static char* numbered_pipeline(bytes_t request, size_t pipeline, int number) {
  char* data = malloc(request.bytes * pipeline + 1);
  for (size_t i = 0; i < pipeline; i++)
    memcpy(data + i * request.bytes, request.data, request.bytes);
  char digits[5];
  snprintf(digits, sizeof digits, "%04d", number % 10000);
  for (size_t i = 0; i + 4 <= request.bytes * pipeline; i++)
    if (memcmp(data + i, "@@@@", 4) == 0) memcpy(data + i, digits, 4);
  return data;
}

static void throughput(const char* address, bytes_t request, int connection_count, size_t pipeline,
                       double seconds) {
  size_t reply_bytes = learn_reply_bytes(address, request);
  size_t batch_bytes = request.bytes * pipeline;
  if (connection_count > CONNECTIONS_MAX) connection_count = CONNECTIONS_MAX;
  connection_t* connections = calloc((size_t)connection_count, sizeof *connections);
  int epoll_fd = epoll_create1(0);
  for (int i = 0; i < connection_count; i++) {
    connections[i].fd = connect_to(address);
    fcntl(connections[i].fd, F_SETFL, O_NONBLOCK);
    connections[i].pipeline = numbered_pipeline(request, pipeline, i);
    connections[i].unsent = batch_bytes;
    connections[i].unread = reply_bytes * pipeline;
    set_interest(epoll_fd, &connections[i], 1);
  }
  uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9), now = begin;
  uint64_t batches = 0;
  struct epoll_event events[256];
  while ((now = now_ns()) < end) {
    int count = epoll_wait(epoll_fd, events, 256, 1000);
    for (int i = 0; i < count; i++) {
      connection_t* connection = events[i].data.ptr;
      if (events[i].events & (EPOLLERR | EPOLLHUP)) errno = ECONNRESET, die("connection");
      if (events[i].events & EPOLLIN) {
        ssize_t n = read(connection->fd, read_buffer,
                         connection->unread < READ_BYTES ? connection->unread : READ_BYTES);
        if (n == 0) errno = ECONNRESET;
        if (n == 0 || (n < 0 && errno != EAGAIN)) die("read");
        if (n > 0) connection->unread -= (size_t)n;
        if (n > 0 && connection->unread == 0) {
          batches++;
          connection->unread = reply_bytes * pipeline;
          connection->unsent = batch_bytes;
        }
      }
      if (connection->unsent > 0) {
        size_t had = connection->unsent;
        ssize_t n = write(connection->fd, connection->pipeline + (batch_bytes - had), had);
        if (n < 0 && errno != EAGAIN) die("write");
        if (n > 0) connection->unsent -= (size_t)n;
        int wants_out = connection->unsent > 0, had_out = (events[i].events & EPOLLOUT) != 0;
        if (wants_out != had_out) set_interest(epoll_fd, connection, 0);
      }
    }
  }
  /* What is still at work would run on into the measurement that comes next. */
  for (int i = 0; i < connection_count; i++) {
    if (connections[i].unsent > 0) continue;
    fcntl(connections[i].fd, F_SETFL, 0);
    read_exactly(connections[i].fd, connections[i].unread);
  }
  printf("%lu %.6f %zu %zu\n", (unsigned long)(batches * pipeline), (double)(now - begin) / 1e9,
         request.bytes, reply_bytes);
}

static void latency(const char* address, bytes_t request, size_t count) {
  size_t reply_bytes = learn_reply_bytes(address, request);
  uint64_t* taken = malloc(count * sizeof *taken);
  int fd = connect_to(address);
  for (size_t i = 0; i < count; i++) {
    uint64_t begin = now_ns();
    write_all(fd, request.data, request.bytes);
    read_exactly(fd, reply_bytes);
    taken[i] = now_ns() - begin;
  }
  print_percentiles(taken, count);
}

static void rate(const char* address, bytes_t request, double per_second, double seconds) {
  size_t reply_bytes = learn_reply_bytes(address, request);
  size_t count = (size_t)(per_second * seconds);
  uint64_t* taken = malloc(count * sizeof *taken);
  int fd = connect_to(address);
  uint64_t begin = now_ns();
  for (size_t i = 0; i < count; i++) {
    uint64_t intended = begin + (uint64_t)((double)i * 1e9 / per_second);
    if (now_ns() < intended) sleep_until(intended);
    write_all(fd, request.data, request.bytes);
    read_exactly(fd, reply_bytes);
    taken[i] = now_ns() - intended;
  }
  print_percentiles(taken, count);
}

static void mover(const char* address, bytes_t set, bytes_t get, double per_second,
                  double seconds) {
  size_t set_reply_bytes = learn_reply_bytes(address, set),
         get_reply_bytes = learn_reply_bytes(address, get);
  size_t count = (size_t)(per_second * seconds), late = 0;
  int fd = connect_to(address);
  uint64_t begin = now_ns();
  for (size_t i = 0; i < count; i++) {
    uint64_t intended = begin + (uint64_t)((double)i * 1e9 / per_second);
    if (now_ns() < intended)
      sleep_until(intended);
    else if (i > 0)
      late++;
    write_all(fd, set.data, set.bytes);
    read_exactly(fd, set_reply_bytes);
    write_all(fd, get.data, get.bytes);
    read_exactly(fd, get_reply_bytes);
  }
  printf("%zu %zu\n", count, late);
}

int main(int argc, char** argv) {
  const char* mode = argc > 3 ? argv[2] : "";
  if (argc == 7 && strcmp(mode, "throughput") == 0) {
    throughput(argv[1], read_file(argv[3]), atoi(argv[4]), strtoul(argv[5], NULL, 10),
               atof(argv[6]));
  } else if (argc == 5 && strcmp(mode, "latency") == 0) {
    latency(argv[1], read_file(argv[3]), strtoul(argv[4], NULL, 10));
  } else if (argc == 6 && strcmp(mode, "rate") == 0) {
    rate(argv[1], read_file(argv[3]), atof(argv[4]), atof(argv[5]));
  } else if (argc == 7 && strcmp(mode, "mover") == 0) {
    mover(argv[1], read_file(argv[3]), read_file(argv[4]), atof(argv[5]), atof(argv[6]));
  } else {
    fprintf(stderr,
            "usage: load-client ADDRESS throughput|latency|rate|mover ... (see the source)\n");
    return 2;
  }
  return 0;
}

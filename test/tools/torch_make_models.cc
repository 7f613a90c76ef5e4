// Writes TorchScript archives for the tests, with inputs and the outputs that LibTorch gives for
// them in this process: torch_make_models FOLDER. The manifest is FOLDER/torch-models.json, one
// model a line; tensors are raw little-endian files. Weights come from a fixed seed.
//
// torch_make_models FILE BYTES writes one model, x + the sum of the first and the last of BYTES / 4
// weights, which are 1 and 2 there and 0 elsewhere.
#include <ATen/Context.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/jit/api/module.h>

#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

using Tensors = std::vector<at::Tensor>;

std::string ListOf(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return "[" + text + "]";
}

std::string WriteTensor(const std::string& folder, const std::string& name, at::Tensor tensor) {
  tensor = tensor.contiguous();
  std::ofstream file(folder + "/" + name, std::ios::binary);
  file.write(static_cast<const char*>(tensor.data_ptr()),
             static_cast<std::streamsize>(tensor.nbytes()));
  std::vector<std::string> dims;
  for (int64_t dim : tensor.sizes()) dims.push_back(std::to_string(dim));
  const char* dtype = tensor.scalar_type() == c10::kLong ? "INT64" : "FLOAT";
  return "{\"file\": \"" + name + "\", \"dtype\": \"" + dtype + "\", \"dims\": " + ListOf(dims) +
         "}";
}

void Flatten(const c10::IValue& value, Tensors* tensors) {
  if (value.isTensor()) return tensors->push_back(value.toTensor());
  if (value.isTuple()) {
    for (const c10::IValue& element : value.toTupleRef().elements()) Flatten(element, tensors);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) Flatten(entry.value(), tensors);
  } else {
    for (const c10::IValue& element : value.toListRef()) Flatten(element, tensors);
  }
}

struct Maker {
  std::string folder;
  std::ofstream manifest;
  int models = 0;

  // `source` defines forward(self, ...); `weights` become parameters.
  void Make(const std::string& name, const std::string& source,
            const std::vector<std::pair<std::string, at::Tensor>>& weights, const Tensors& inputs) {
    torch::jit::Module module("Net");
    module.register_attribute("training", c10::BoolType::get(), true);
    for (const auto& [weight_name, weight] : weights) {
      module.register_parameter(weight_name, weight, false);
    }
    module.define(source);
    const std::string file = "torch-" + name + ".pt";
    module.save(folder + "/" + file);

    std::vector<std::string> input_texts;
    std::vector<std::string> output_texts;
    std::vector<c10::IValue> arguments;
    for (const at::Tensor& input : inputs) {
      const std::string tensor_file =
          "torch-" + name + ".in" + std::to_string(input_texts.size()) + ".bin";
      input_texts.push_back(WriteTensor(folder, tensor_file, input));
      arguments.emplace_back(input.clone());
    }
    Tensors outputs;
    Flatten(module.forward(arguments), &outputs);
    for (const at::Tensor& output : outputs) {
      const std::string tensor_file =
          "torch-" + name + ".out" + std::to_string(output_texts.size()) + ".bin";
      output_texts.push_back(WriteTensor(folder, tensor_file, output));
    }
    manifest << (models++ == 0 ? "[\n" : ",\n") << "{\"name\": \"" << name << "\", \"file\": \""
             << file << "\", \"inputs\": " << ListOf(input_texts)
             << ", \"outputs\": " << ListOf(output_texts) << "}";
  }

  void MakeMlp(const std::string& name, int64_t inputs, int64_t hidden, int64_t outputs,
               int64_t rows) {
    const double scale = 1.0 / 8;
    Make(name,
         "def forward(self, x):\n"
         "    x = torch.relu(torch.matmul(x, self.w1) + self.b1)\n"
         "    x = torch.relu(torch.matmul(x, self.w2) + self.b2)\n"
         "    return torch.matmul(x, self.w3) + self.b3\n",
         {{"w1", at::randn({inputs, hidden}).mul(scale)},
          {"b1", at::randn({hidden})},
          {"w2", at::randn({hidden, hidden}).mul(scale)},
          {"b2", at::randn({hidden})},
          {"w3", at::randn({hidden, outputs}).mul(scale)},
          {"b3", at::randn({outputs})}},
         {at::randn({rows, inputs})});
  }

  // The layers of MobileNet v1 (Howard et al. 2017), on flat 224 x 224 images.
  void MakeMobileNet() {
    constexpr std::pair<int64_t, int64_t> kChannelsAndStrides[] = {
        {64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
        {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
    std::string source = "def forward(self, x):\n    x = x.reshape([-1, 3, 224, 224])\n";
    std::vector<std::pair<std::string, at::Tensor>> weights;
    const auto add = [&](int64_t width, int64_t kernel, int64_t channels, int64_t stride,
                         int64_t groups) {
      const std::string weight = "w" + std::to_string(weights.size());
      const std::string padding = std::to_string(kernel / 2);
      source += "    x = torch.relu(torch.conv2d(x, self." + weight + ", None, [" +
                std::to_string(stride) + ", " + std::to_string(stride) + "], [" + padding + ", " +
                padding + "], [1, 1], " + std::to_string(groups) + "))\n";
      weights.emplace_back(weight, at::randn({channels, width / groups, kernel, kernel}).mul(0.1));
    };
    add(3, 3, 32, 2, 1);
    int64_t width = 32;
    for (const auto& [channels, stride] : kChannelsAndStrides) {
      add(width, 3, width, stride, width);
      add(width, 1, channels, 1, 1);
      width = channels;
    }
    source += "    return torch.matmul(x.mean([2, 3]), self.w)\n";
    weights.emplace_back("w", at::randn({width, 1000}));
    Make("mobilenet", source, weights, {at::randn({1, 3 * 224 * 224})});
  }
};

void MakeLarge(const std::string& file, int64_t bytes) {
  const int64_t count = bytes / 4;
  at::Tensor weights = at::zeros({count});
  weights[0] = 1;
  weights[count - 1] = 2;
  torch::jit::Module module("Net");
  module.register_parameter("w", weights, false);
  module.define("def forward(self, x):\n    return x + self.w[0] + self.w[-1]\n");
  module.save(file);
}

// A module that would write a file while it is loaded.
void MakeSaving(const std::string& file) {
  torch::jit::Module module("Net");
  module.register_attribute("training", c10::BoolType::get(), false);
  module.define(
      "def __getstate__(self):\n    return torch.zeros([1])\n"
      "def __setstate__(self, state: Tensor):\n    torch.save(state, 'saved-while-loaded')\n"
      "    self.training = False\n"
      "def forward(self, x):\n    return x\n");
  module.save(file);
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool has_mobilenet = argument_count == 3 && std::string(arguments[2]) == "mobilenet";
  if (argument_count == 3 && !has_mobilenet) {
    MakeLarge(arguments[1], std::stoll(arguments[2]));
    return 0;
  }
  if (argument_count != 2 && !has_mobilenet) {
    std::cerr << "usage: torch_make_models FOLDER [mobilenet] | FILE BYTES\n";
    return 2;
  }
  at::manual_seed(20240607);
  Maker maker{arguments[1], std::ofstream(std::string(arguments[1]) + "/torch-models.json")};

  MakeSaving(std::string(arguments[1]) + "/torch-saves-while-loaded.pt");
  maker.MakeMlp("mlp-30-128-128-2", 30, 128, 2, 8);
  maker.MakeMlp("mlp-4-1024-1024-2", 4, 1024, 2, 2);
  maker.Make("conv-28x28-10",
             "def forward(self, x):\n"
             "    x = torch.relu(torch.conv2d(x, self.k1, self.b1, [2, 2], [1, 1]))\n"
             "    x = torch.relu(torch.conv2d(x, self.k2, self.b2, [2, 2], [1, 1]))\n"
             "    x = torch.matmul(torch.flatten(x, 1), self.w)\n"
             "    return torch.softmax(x, 1)\n",
             {{"k1", at::randn({8, 1, 3, 3}).mul(0.3)},
              {"b1", at::randn({8}).mul(0.1)},
              {"k2", at::randn({16, 8, 3, 3}).mul(0.1)},
              {"b2", at::randn({16}).mul(0.1)},
              {"w", at::randn({16 * 7 * 7, 10}).mul(0.05)}},
             {at::randn({1, 1, 28, 28})});
  maker.Make("two-in-two-out",
             "def forward(self, a, b):\n    return a + b, torch.matmul(a, b.t()).t()\n", {},
             {at::randn({2, 3}), at::randn({2, 3})});
  maker.Make("nested-out",
             "def forward(self, a) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:\n"
             "    return a + 1, (a * 2, a.sum())\n",
             {}, {at::arange(6).reshape({2, 3})});
  maker.Make("list-out", "def forward(self, a) -> List[Tensor]:\n    return [a + 1, a[:, 1:]]\n",
             {}, {at::randn({2, 3})});
  maker.Make("dict-out",
             "def forward(self, a, b) -> Dict[str, Tensor]:\n"
             "    return {'sum': a + b, 'loss': (a - b).abs().mean(1), 'product': a * b}\n",
             {}, {at::randn({2, 3}), at::randn({2, 3})});
  maker.Make("tuple-of-lists-out",
             "def forward(self, a) -> Tuple[List[Tensor], Tensor]:\n"
             "    return [a + 1, a.sum(1)], a.unsqueeze(0).unsqueeze(0).unsqueeze(0)\n",
             {}, {at::randn({2, 3})});
  // Each of these would harm a stored tensor if its input were neither copied nor checked.
  maker.Make("in-place", "def forward(self, x):\n    return x.mul_(2).add_(1)\n", {},
             {at::randn({2, 3})});
  maker.Make("in-place-view",
             "def forward(self, x):\n    y = x[0]\n    y.zero_()\n    return x + 0\n", {},
             {at::randn({2, 3})});
  maker.Make("identity", "def forward(self, x):\n    return x\n", {}, {at::randn({2, 3})});
  maker.Make("view", "def forward(self, x):\n    return x.view([-1]), x[1]\n", {},
             {at::randn({2, 3})});
  // Returns the memory of its own state, which the next run writes.
  maker.Make("counter", "def forward(self, x):\n    self.count.add_(1)\n    return self.count\n",
             {{"count", at::arange(3)}}, {at::randn({1})});
  // Keeps its input for the next run.
  maker.Make("keeps",
             "def forward(self, x):\n    y = self.last + 0\n    self.last = x\n    return y\n",
             {{"last", at::arange(3).to(c10::kFloat)}}, {at::randn({3})});
  // Takes some milliseconds for each row of its input.
  maker.Make("slow",
             "def forward(self, x):\n"
             "    y = self.w\n"
             "    for i in range(x.size(0)):\n"
             "        y = torch.matmul(y, self.w)\n"
             "    return x + 0 * y[0, 0]\n",
             {{"w", at::randn({500, 500}).mul(0.04)}}, {at::randn({1})});
  if (has_mobilenet) maker.MakeMobileNet();
  maker.manifest << "\n]\n";
  return maker.manifest.good() ? 0 : 1;
}

{
  # For `node-gyp rebuild -C scripts`: the build itself is CMake's, in CMakeLists.txt.
  "targets": [
    {
      "target_name": "contrastive",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "message": "Building the addon with CMake",
          "inputs": ["../CMakeLists.txt"],
          "outputs": ["../build/Release/contrastive.node"],
          "action": ["node", "build-native.mjs"]
        }
      ]
    }
  ]
}

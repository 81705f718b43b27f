// swift-tools-version: 5.9
import PackageDescription

// `CKinglet.xcframework` is made by `make-xcframework.sh`: the static libraries, the header and its module map.
let package = Package(
    name: "Kinglet",
    platforms: [.iOS(.v13), .macOS(.v11)],
    products: [.library(name: "Kinglet", targets: ["Kinglet"])],
    targets: [
        .binaryTarget(name: "CKinglet", path: "CKinglet.xcframework"),
        .target(name: "Kinglet", dependencies: ["CKinglet"], resources: [.copy("PrivacyInfo.xcprivacy")]),
        .testTarget(name: "KingletTests", dependencies: ["Kinglet"], resources: [.copy("small.kgl")]),
    ]
)

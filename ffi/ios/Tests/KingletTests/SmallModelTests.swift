import XCTest
@testable import Kinglet

/// Over `small.kgl` of the C tests, which `make-xcframework.sh` copies here; see `ffi/c-tests/small_model.h`.
final class SmallModelTests: XCTestCase {
    private func blob() throws -> Data {
        let file = try XCTUnwrap(Bundle.module.url(forResource: "small", withExtension: "kgl"))
        return try Data(contentsOf: file)
    }

    func testRunGivesWhatIsKnown() throws {
        let model = try Model(data: blob())
        XCTAssertEqual(model.inputs.map(\.name), ["samples", "level"])
        XCTAssertEqual(model.outputs.map(\.name), ["flipped", "sums", "clamped"])
        let session = try Session(model)
        try session.withInput(0) { bytes in for at in bytes.indices { bytes[at] = UInt8(at) } }
        try session.write([-1, 0.5, 6, 7], to: 1)
        try session.run()
        try session.withOutput(0) { bytes in XCTAssertEqual(bytes.map { Int8(bitPattern: $0) }, (1...12).map { -$0 }) }
        XCTAssertEqual(try session.read(2), [0, 0.5, 6, 6])
        XCTAssertEqual(try session.selfTest(), 2)
    }

    func testWrongUseThrows() throws {
        let session = try Session(Model(data: blob()))
        XCTAssertThrowsError(try session.write([1])) { XCTAssertEqual(($0 as? KingletError)?.number, 141) }
        XCTAssertThrowsError(try session.read(9)) { XCTAssertEqual(($0 as? KingletError)?.number, 136) }
        XCTAssertThrowsError(try Model(data: Data())) { XCTAssertEqual(($0 as? KingletError)?.word, "truncated") }
        var damaged = try blob()
        damaged[damaged.count - 1] ^= 1
        XCTAssertThrowsError(try Model(data: damaged)) { XCTAssertEqual(($0 as? KingletError)?.word, "checksum") }
    }
}

import Kinglet
import SwiftUI

/// Draw a digit; the model of `examples/digits` says which one it is. Add `digits.kgl` to the target's resources.
@main
struct SampleApp: App {
    var body: some Scene {
        WindowGroup { DrawingView() }
    }
}

/// The session's only owner: calls come one at a time.
actor Classifier {
    private let session: Session

    init(_ model: Model) throws {
        session = try Session(model)
    }

    func classify(_ pixels: [Float]) throws -> Int {
        let scores = try session.run(pixels)
        return scores.indices.max { scores[$0] < scores[$1] } ?? 0
    }
}

struct DrawingView: View {
    private static let side = 28
    @State private var pixels = [Float](repeating: 0, count: side * side)
    @State private var answer = "Draw a digit"
    @State private var classifier: Classifier?

    var body: some View {
        VStack {
            Canvas { context, size in
                let cell = size.width / CGFloat(Self.side)
                for (index, value) in pixels.enumerated() where value > 0 {
                    let origin = CGPoint(x: CGFloat(index % Self.side) * cell, y: CGFloat(index / Self.side) * cell)
                    context.fill(Path(CGRect(origin: origin, size: CGSize(width: cell, height: cell))), with: .color(.primary))
                }
            }
            .frame(width: 280, height: 280)
            .border(.primary)
            .gesture(DragGesture(minimumDistance: 0).onChanged { draw($0.location) }.onEnded { _ in classify() })
            Text(answer)
            Button("Clear") { pixels = [Float](repeating: 0, count: pixels.count) }
        }
        .task { load() }
    }

    private func load() {
        do {
            guard let file = Bundle.main.url(forResource: "digits", withExtension: "kgl") else { return answer = "There is no digits.kgl" }
            classifier = try Classifier(Model(contentsOf: file))
        } catch {
            answer = "\(error)"
        }
    }

    private func draw(_ place: CGPoint) {
        let (x, y) = (Int(place.x / 10), Int(place.y / 10))
        for (column, row) in [(x, y), (x + 1, y), (x, y + 1)] where 0..<Self.side ~= column && 0..<Self.side ~= row {
            // The model has seen raw pixels.
            pixels[row * Self.side + column] = 255
        }
    }

    private func classify() {
        guard let classifier else { return }
        let pixels = pixels
        Task { @MainActor in
            do { answer = "\(try await classifier.classify(pixels))" } catch { answer = "\(error)" }
        }
    }
}
